//! Reading mail as a mail client does: IMAP with STARTTLS, POP3 with STLS.

use world::World;

use super::client::{Client, Door};

/// All messages of someone's INBOX over IMAP (RFC 3501).
pub(super) async fn imap(
    world: &World,
    door: &Door,
    user: &str,
    password: &str,
) -> Result<Vec<Vec<u8>>, String> {
    let mut client = Client::new(world.clone(), door.connect(world).await?);
    client.line().await?;
    tagged(&mut client, "a1", "STARTTLS").await?;
    let stream = door.secure(world, client.into_stream()).await?;
    let mut client = Client::new(world.clone(), stream);
    tagged(&mut client, "a2", &format!("LOGIN \"{user}\" \"{password}\"")).await?;
    tagged(&mut client, "a3", "EXAMINE INBOX").await?;
    let messages = tagged(&mut client, "a4", "FETCH 1:* (BODY.PEEK[])").await?;
    tagged(&mut client, "a5", "LOGOUT").await?;
    Ok(messages)
}

/// Sends a command and reads to its tagged OK; gives the literals that came on the way.
async fn tagged(client: &mut Client, tag: &str, command: &str) -> Result<Vec<Vec<u8>>, String> {
    client.write(&format!("{tag} {command}\r\n")).await?;
    let mut literals = Vec::new();
    loop {
        let line = client.line().await?;
        if let Some(count) = literal(&line) {
            literals.push(client.bytes(count).await?);
        } else if let Some(result) = line.strip_prefix(tag) {
            let name = command.split(' ').next().unwrap_or_default();
            return if result.starts_with(" OK") { Ok(literals) } else { Err(format!("{name}:{result}")) };
        }
    }
}

/// The count of a literal announced at the end of a line: `{123}`.
fn literal(line: &str) -> Option<usize> {
    line.strip_suffix('}')?.rsplit_once('{')?.1.parse().ok()
}

/// All messages over POP3 (RFC 1939).
pub(super) async fn pop3(
    world: &World,
    door: &Door,
    user: &str,
    password: &str,
) -> Result<Vec<Vec<u8>>, String> {
    let mut client = Client::new(world.clone(), door.connect(world).await?);
    positive(client.line().await?)?;
    ask(&mut client, "STLS").await?;
    let stream = door.secure(world, client.into_stream()).await?;
    let mut client = Client::new(world.clone(), stream);
    ask(&mut client, &format!("USER {user}")).await?;
    ask(&mut client, &format!("PASS {password}")).await?;
    let count = ask(&mut client, "STAT").await?;
    let count: usize = count.split(' ').nth(1).and_then(|n| n.parse().ok()).ok_or("STAT gave no number")?;
    let mut messages = Vec::new();
    for number in 1..=count {
        ask(&mut client, &format!("RETR {number}")).await?;
        messages.push(multi_line(&mut client).await?);
    }
    ask(&mut client, "QUIT").await?;
    Ok(messages)
}

async fn ask(client: &mut Client, command: &str) -> Result<String, String> {
    client.write(&format!("{command}\r\n")).await?;
    positive(client.line().await?)
}

fn positive(line: String) -> Result<String, String> {
    if line.starts_with("+OK") { Ok(line) } else { Err(line) }
}

/// Lines up to the one with only a dot, dots unstuffed (RFC 1939 §3).
async fn multi_line(client: &mut Client) -> Result<Vec<u8>, String> {
    let mut message = Vec::new();
    loop {
        let line = client.line().await?;
        if line == "." {
            return Ok(message);
        }
        let line = line.strip_prefix('.').unwrap_or(&line);
        message.extend_from_slice(line.as_bytes());
        message.extend_from_slice(b"\r\n");
    }
}
