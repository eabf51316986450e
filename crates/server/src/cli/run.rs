//! Carrying out a request: in the running server, or with the store opened here.

use std::path::Path;
use std::time::Duration;

use world::disk;

use super::{Failure, output};
use crate::admin::{Conversation, Office, Reply, Request};
use crate::config::Config;
use crate::control::Client;
use crate::{certificate, dnssec, medium, serve};

/// Bytes of a configuration file.
const CONFIG_LENGTH: u64 = 1 << 20;

/// How long a server may take to start, or to end.
const STARTING: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// Reads the configuration.
pub(crate) fn load(path: &Path) -> Result<Config, Failure> {
    // Reading a file needs no name servers, and which ones there are is not known yet.
    let world = world::real::world(&[]);
    let bytes = disk::read(world.disk.as_ref(), path, CONFIG_LENGTH).map_err(|e| {
        Failure::Usage(format!(
            "cannot read the configuration {}: {e}; name another with --config or POSTHOUSE_CONFIG",
            path.display()
        ))
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Usage(format!("the configuration {} is not UTF-8 text", path.display())))?;
    let wrong = |problems| Failure::Usage(format!("the configuration is wrong:\n{problems}"));
    Config::parse(&text, path).map_err(wrong)
}

/// `posthouse check`
pub(super) async fn check(path: &Path) -> Result<(), Failure> {
    let config = load(path)?;
    let world = world::real::world_asking(&config.name_servers());
    serve::connector(&world, &config).map_err(Failure::Usage)?;
    serve::settings(&world, &config).map_err(Failure::Usage)?;
    serve::introspection(&world, &config).map_err(Failure::Usage)?;
    if config.tls.is_some() {
        let pem = certificate::Pem::load(&world, &config).map_err(Failure::Usage)?;
        pem.acceptor().map_err(Failure::Usage)?;
    }
    output::say(format!("{} is good", path.display()));
    for listener in &config.listeners {
        let addresses: Vec<String> = listener.bind.iter().map(ToString::to_string).collect();
        output::say(format!("  {:<12} {}", listener.service.name(), addresses.join(" ")));
    }
    if config.tls.is_none() {
        output::say("  no [tls]: a self-signed certificate will be used");
    }
    output::say(format!("  DANE         {}", dnssec::look(&world).await.1));
    let tasks = world.tasks.as_ref();
    match medium::look(world.disk.as_ref(), tasks, &config.data_dir).await {
        Some(medium) => {
            output::say(format!("  data_dir     {}", medium::words(&medium)));
            for warning in medium::warnings(&medium, &config.data_dir) {
                output::say(format!("  warning: {warning}"));
            }
        }
        None => output::say("  data_dir     cannot be looked at yet"),
    }
    Ok(())
}

/// Whoever carries out requests.
pub(super) enum Runner {
    /// The running server.
    Server(Box<Client>),
    /// We, with the store opened.
    Here(Box<Office>, Box<Conversation>),
}

impl Runner {
    /// Finds the server of this configuration, or opens its store. A server that is just starting or ending has the
    /// store but no socket: that takes a moment.
    pub(super) async fn open(config: &Path) -> Result<Self, Failure> {
        let config = load(config)?;
        let world = world::real::world(&config.dns_servers);
        let patience = world.clock.mono() + STARTING;
        loop {
            if let Some(client) = Client::connect(&world, &config.data_dir).await? {
                return Ok(Self::Server(Box::new(client)));
            }
            match serve::open_store(&world, &config, &serve::Tuning::default()).await {
                Ok(store) => {
                    let office =
                        Office::new(world, store, config.hostname).keeping(config.retention, &config.limits);
                    let conversation = Conversation::new(&office);
                    return Ok(Self::Here(Box::new(office), Box::new(conversation)));
                }
                Err(store::Error::Locked(_)) if world.clock.mono() < patience => {
                    world.clock.sleep(GLANCE).await;
                }
                Err(error) => return Err(Failure::Failed(serve::cannot_open(&config, &error))),
            }
        }
    }

    pub(super) async fn call(&mut self, request: Request) -> Result<Reply, Failure> {
        let reply = match self {
            Self::Server(client) => client.call(&request).await,
            Self::Here(office, conversation) => office.carry_out_in(conversation, request).await,
        };
        reply.map_err(Failure::Failed)
    }

    pub(super) async fn close(self) {
        if let Self::Here(office, conversation) = self {
            drop(conversation);
            office.store.close().await;
        }
    }
}

/// Has the running server carry out a request that only it can.
pub(super) async fn by_server(config: &Path, request: Request) -> Result<Reply, Failure> {
    let settings = load(config)?;
    let world = world::real::world(&settings.dns_servers);
    match Client::connect(&world, &settings.data_dir).await? {
        Some(mut client) => client.call(&request).await.map_err(Failure::Failed),
        None => Err(Failure::Failed(format!(
            "no server is running for {} (data_dir {}); start it with: posthouse serve",
            config.display(),
            settings.data_dir.display()
        ))),
    }
}

/// Carries out one request and gives its reply.
pub(super) async fn one(config: &Path, request: Request) -> Result<Reply, Failure> {
    let mut runner = Runner::open(config).await?;
    let reply = runner.call(request).await;
    runner.close().await;
    reply
}

/// Carries out one request and says what came of it.
pub(super) async fn one_and_say(config: &Path, request: Request) -> Result<(), Failure> {
    match one(config, request).await? {
        Reply::Done { text } => output::say(text),
        Reply::Generated { address, password } => {
            output::say(format!(
                "{address} can log in with this password, which is shown only now:\n{password}"
            ));
        }
        other => output::say_json(&other),
    }
    Ok(())
}

/// Fetches a list page after page, at most `limit` rows: `page` makes the request that follows a cursor, `take` takes a reply's rows and
/// gives its next cursor.
pub(super) async fn pages<C, T>(
    config: &Path,
    limit: Option<usize>,
    page: impl Fn(Option<C>) -> Request,
    take: impl Fn(Reply) -> Option<(Vec<T>, Option<C>)>,
) -> Result<Vec<T>, Failure> {
    let mut runner = Runner::open(config).await?;
    let mut rows = Vec::new();
    let mut after = None;
    let outcome = loop {
        match runner.call(page(after)).await.map(&take) {
            Ok(Some((more, next))) => {
                rows.extend(more);
                after = next;
                let enough = limit.is_some_and(|limit| rows.len() >= limit);
                if after.is_none() || enough {
                    rows.truncate(limit.unwrap_or(usize::MAX));
                    break Ok(rows);
                }
            }
            Ok(None) => break Err(Failure::Failed("the running server answered something else".into())),
            Err(failure) => break Err(failure),
        }
    };
    runner.close().await;
    outcome
}
