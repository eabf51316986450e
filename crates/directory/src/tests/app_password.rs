//! App passwords: what they are good for, and for how long.

use mail::{AccountId, Wall, limits};
use store::Batch;

use super::House;
use crate::sasl::{Channel, Failure, Step};
use crate::{Directory, Error, Password, Scope, Scopes};

const NOW: Wall = Wall::from_secs(1_800_000_000);

impl House {
    async fn app(&self, id: AccountId, name: &str, scopes: &[Scope]) -> Result<Password, Error> {
        let mut batch = Batch::new();
        let scopes = scopes.iter().copied().collect();
        let made = self.directory.add_app_password(&mut batch, id, name, scopes, NOW).await?;
        self.commit(batch).await;
        Ok(made)
    }

    /// Logs in by PLAIN's way and by SCRAM, which agree.
    async fn logs_in(&self, service: Scope, name: &str, password: &str) -> bool {
        let channel = Channel::default().serving(service);
        let plain = self.directory.login(&channel, name, password).await;
        if service == Scope::Imap {
            let scram = super::login::scram(self, "SCRAM-SHA-256", "n,,", &[], name, password).await;
            assert_eq!(matches!(scram, Step::Done(_)), plain.is_ok(), "{name} {password}");
        }
        assert!(matches!(plain, Ok(_) | Err(Failure::Refused)), "{plain:?}");
        plain.is_ok()
    }
}

#[tokio::test]
async fn each_is_good_for_its_services_and_until_it_is_removed() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", Some("correct horse")).await;
    let reader = house.app(ann, "phone", &[Scope::Imap]).await.expect("a password");
    let sender = house.app(ann, "printer", &[Scope::Submission]).await.expect("a password");
    let (reader, sender) = (reader.as_str(), sender.as_str());
    for (service, password, good) in [
        (Scope::Imap, reader, true),
        (Scope::Pop3, reader, false),
        (Scope::Submission, reader, false),
        (Scope::Imap, sender, false),
        (Scope::Submission, sender, true),
        (Scope::Imap, "correct horse", true),
        (Scope::Submission, "correct horse", true),
        (Scope::Imap, "0000-00000-00000-00000", false),
    ] {
        assert_eq!(house.logs_in(service, "ann@x.test", password).await, good, "{service:?} {password}");
    }
    let nowhere = house.directory.login(&Channel::default(), "ann@x.test", reader).await;
    assert_eq!(nowhere, Err(Failure::Refused), "a service that does not say what it is");
    house.account("bob@x.test", None).await;
    assert!(!house.logs_in(Scope::Imap, "bob@x.test", reader).await, "another's");

    let mut batch = Batch::new();
    house.directory.remove_app_password(&mut batch, ann, "phone").await.expect("there");
    house.commit(batch).await;
    assert!(!house.logs_in(Scope::Imap, "ann@x.test", reader).await);
    assert!(house.logs_in(Scope::Submission, "ann@x.test", sender).await);
    let gone = house.directory.remove_app_password(&mut Batch::new(), ann, "phone").await;
    assert_eq!(gone, Err(Error::NoSuchAppPassword("phone".into())));
}

#[tokio::test]
async fn it_is_typed_in_any_way() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", None).await;
    let made = house.app(ann, "phone", &[Scope::Pop3]).await.expect("a password");
    let made = made.as_str();
    assert_eq!(made.len(), 23, "{made}");
    for typed in [
        made.to_uppercase(),
        made.replace('-', ""),
        made.replace('-', " "),
        made.replace('0', "o").replace('1', "l"),
    ] {
        assert!(house.logs_in(Scope::Pop3, "ann@x.test", &typed).await, "{typed}");
    }
    assert!(!house.logs_in(Scope::Pop3, "ann@x.test", &made[1..]).await);
}

/// SCRAM has one salt for all passwords of an account, whichever of them came first.
#[tokio::test]
async fn all_passwords_of_an_account_work_by_scram() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", None).await;
    let first = house.app(ann, "first", &Scope::ALL).await.expect("a password");
    let set = async |password: &str| {
        let mut batch = Batch::new();
        let password = Password::new(password).expect("a good password");
        house.directory.set_password(&mut batch, ann, &password).await.expect("an account");
        house.commit(batch).await;
    };
    let good = async |password: &str| house.logs_in(Scope::Imap, "ann@x.test", password).await;
    assert!(good(first.as_str()).await);
    set("correct horse").await;
    assert!(good(first.as_str()).await && good("correct horse").await);
    set("battery staple").await;
    let second = house.app(ann, "second", &Scope::ALL).await.expect("a password");
    assert!(good(first.as_str()).await && good(second.as_str()).await && good("battery staple").await);
    assert!(!good("correct horse").await);
    for name in ["first", "second"] {
        let mut batch = Batch::new();
        house.directory.remove_app_password(&mut batch, ann, name).await.expect("there");
        house.commit(batch).await;
    }
    set("correct horse").await;
    let third = house.app(ann, "third", &Scope::ALL).await.expect("a password");
    assert!(good(third.as_str()).await && good("correct horse").await && !good(first.as_str()).await);
}

/// While one operator makes the first app password, another sets the password: one of them tries again.
#[tokio::test]
async fn the_salt_is_one_whoever_writes() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", Some("correct horse")).await;
    let (mut one, mut two) = (Batch::new(), Batch::new());
    let scopes: Scopes = Scope::ALL.into_iter().collect();
    house.directory.add_app_password(&mut one, ann, "phone", scopes, NOW).await.expect("a password");
    let password = Password::new("battery staple").expect("a good password");
    house.directory.set_password(&mut two, ann, &password).await.expect("an account");
    house.commit(one).await;
    assert_eq!(house.store.commit(two).await, Err(store::Error::Conflict));
}

async fn written(directory: &Directory, house: &House) -> usize {
    for round in 0.. {
        let mut batch = Batch::new();
        if !directory.write_uses(&mut batch).await.expect("a healthy store") {
            return round;
        }
        house.commit(batch).await;
    }
    unreachable!("it ends")
}

#[tokio::test]
async fn the_day_of_the_last_use_is_kept_without_a_write_for_each() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", None).await;
    let made = house.app(ann, "phone", &[Scope::Pop3]).await.expect("a password");
    house.app(ann, "unused", &[Scope::Pop3]).await.expect("a password");
    let used = async || {
        let list = house.directory.app_passwords(ann).await.expect("an account");
        list.into_iter().map(|app| (app.name, app.used)).collect::<Vec<_>>()
    };
    assert_eq!(used().await, [("phone".into(), None), ("unused".into(), None)]);
    let before = house.store.snapshot().get(&crate::keys::app_passwords(ann)).await.expect("healthy");
    for _ in 0..3 {
        assert!(house.logs_in(Scope::Pop3, "ann@x.test", made.as_str()).await);
    }
    let now = house.directory.world.clock.wall().millis();
    let today = Wall::from_millis(now - now % 86_400_000);
    assert_eq!(used().await, [("phone".into(), Some(today)), ("unused".into(), None)]);
    let after = house.store.snapshot().get(&crate::keys::app_passwords(ann)).await.expect("healthy");
    assert_eq!(before.map(|b| b.version), after.map(|a| a.version), "no login wrote");
    assert_eq!(written(&house.directory, &house).await, 1);
    let another = Directory::new(house.store.clone(), house.directory.world.clone());
    let list = another.app_passwords(ann).await.expect("an account");
    assert_eq!(list.first().and_then(|app| app.used), Some(today));
    assert!(house.logs_in(Scope::Pop3, "ann@x.test", made.as_str()).await);
    assert_eq!(written(&house.directory, &house).await, 0, "once a day");
}

#[tokio::test]
async fn what_is_refused() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", None).await;
    for number in 0..limits::APP_PASSWORDS {
        house.app(ann, &format!("app {number}"), &[Scope::Imap]).await.expect("a password");
    }
    let long = "x".repeat(limits::APP_PASSWORD_NAME + 1);
    for (name, scopes, wanted) in [
        ("", &[Scope::Imap][..], Error::AppPasswordName(String::new())),
        (&long, &[Scope::Imap], Error::AppPasswordName(long.clone())),
        ("a\u{7}b", &[Scope::Imap], Error::AppPasswordName("a\u{7}b".into())),
        ("app 0", &[], Error::NoScopes),
        ("app 0", &[Scope::Imap], Error::AppPasswordExists("app 0".into())),
        ("one more", &[Scope::Imap], Error::TooManyAppPasswords),
    ] {
        assert_eq!(house.app(ann, name, scopes).await, Err(wanted));
    }
    assert_eq!("smtp".parse::<Scope>(), Err(Error::NoSuchScope("smtp".into())));
}

#[tokio::test]
async fn they_go_and_come_back_with_the_account() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", None).await;
    let made = house.app(ann, "phone", &[Scope::Imap]).await.expect("a password");
    let mut batch = Batch::new();
    house.directory.remove_account(&mut batch, ann, NOW).await.expect("an account");
    house.commit(batch).await;
    assert!(!house.logs_in(Scope::Imap, "ann@x.test", made.as_str()).await);
    let mut batch = Batch::new();
    let address = super::address("ann@x.test");
    house.directory.restore_account(&mut batch, ann, &address).await.expect("a free address");
    house.commit(batch).await;
    assert!(house.logs_in(Scope::Imap, "ann@x.test", made.as_str()).await);
    let mut batch = Batch::new();
    house.directory.set_enabled(&mut batch, ann, false).await.expect("an account");
    house.commit(batch).await;
    assert!(!house.logs_in(Scope::Imap, "ann@x.test", made.as_str()).await);
}
