//! Random lives of mailboxes against a model: views brought up to date equal views read from scratch, and both equal the
//! model; what views tell of changes is the difference.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mail::{Flags, MailboxId, ModSeq};
use proptest::prelude::*;
use store::Batch;

use super::{ANN, House, NOW, flags, name, uids};
use crate::{Entry, FlagChange, Mailboxes, Retention, Target, View};

const NAMES: [&str; 3] = ["a", "b", "b/c"];
const KEYWORDS: [Option<&str>; 3] = [None, Some("k"), Some("$Long-er")];

#[derive(Clone, Debug)]
enum Act {
    Append { to: usize, bits: u8, keyword: usize, count: u8 },
    Flags { of: usize, mask: u32, how: u8, bits: u8, keyword: usize },
    Expunge { of: usize, mask: u32 },
    Copy { from: usize, to: usize, mask: u32, moving: bool },
    Recreate { which: usize },
    Look,
    Sweep { older: u64 },
    BringBack { mask: u32 },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let which = || 0..NAMES.len();
    let act = prop_oneof![
        4 => (which(), 0u8..32, 0..KEYWORDS.len(), 1u8..8)
            .prop_map(|(to, bits, keyword, count)| Act::Append { to, bits, keyword, count }),
        4 => (which(), any::<u32>(), 0u8..3, 0u8..32, 0..KEYWORDS.len())
            .prop_map(|(of, mask, how, bits, keyword)| Act::Flags { of, mask, how, bits, keyword }),
        2 => (which(), any::<u32>()).prop_map(|(of, mask)| Act::Expunge { of, mask }),
        2 => (which(), which(), any::<u32>(), any::<bool>())
            .prop_map(|(from, to, mask, moving)| Act::Copy { from, to, mask, moving }),
        1 => which().prop_map(|which| Act::Recreate { which }),
        2 => Just(Act::Look),
        2 => prop_oneof![Just(0), Just(60), Just(2_000_000), Just(9_000_000)].prop_map(|older| Act::Sweep { older }),
        1 => any::<u32>().prop_map(|mask| Act::BringBack { mask }),
    ];
    proptest::collection::vec(act, 1..40)
}

/// A mailbox as it should be.
#[derive(Clone, Default)]
struct Model {
    last_uid: u32,
    messages: BTreeMap<u32, (Flags, Vec<u8>)>,
}

impl Model {
    fn add(&mut self, flags: Flags, body: Vec<u8>) {
        self.last_uid += 1;
        self.messages.insert(self.last_uid, (flags, body));
    }
}

struct Life {
    house: House,
    ids: Vec<MailboxId>,
    models: Vec<Model>,
    /// What a session saw last.
    seen: Vec<Arc<View>>,
    bodies: u32,
}

impl Life {
    async fn new() -> Self {
        let house = House::new().await;
        let mut life = Self { house, ids: Vec::new(), models: Vec::new(), seen: Vec::new(), bodies: 0 };
        for text in NAMES {
            let id = life.create(text).await;
            life.ids.push(id);
            life.models.push(Model::default());
            life.seen.push(life.house.view(id).await);
        }
        life
    }

    async fn create(&self, text: &str) -> MailboxId {
        let mut batch = Batch::new();
        let id = self.house.mailboxes.create(&mut batch, ANN, &name(text), None).await;
        self.house.commit(batch).await;
        id.expect("a free name")
    }

    /// The messages that a mask picks, by their place.
    fn picked(view: &View, mask: u32) -> Vec<Entry> {
        view.iter().filter(|(s, _)| mask >> (s % 32) & 1 == 1).map(|(_, e)| *e).collect()
    }

    async fn act(&mut self, act: &Act) {
        match act {
            Act::Append { to, bits, keyword, count } => self.append(*to, *bits, *keyword, *count).await,
            Act::Flags { of, mask, how, bits, keyword } => {
                self.store_flags(*of, *mask, *how, &flags(*bits, KEYWORDS[*keyword])).await;
            }
            Act::Expunge { of, mask } => self.expunge(*of, *mask).await,
            Act::Copy { from, to, mask, moving } => self.copy(*from, *to, *mask, *moving).await,
            Act::Recreate { which } => self.recreate(*which).await,
            Act::Look => self.look().await,
            Act::Sweep { older } => {
                self.house.grow_older(*older).await;
                self.house.sweep(2).await;
            }
            Act::BringBack { mask } => self.bring_back(*mask).await,
        }
    }

    async fn append(&mut self, to: usize, bits: u8, keyword: usize, count: u8) {
        let mut batch = Batch::new();
        for _ in 0..count {
            self.bodies += 1;
            let body = self.bodies.to_string().into_bytes();
            let flags = flags(bits, KEYWORDS[keyword]);
            self.house.add(&mut batch, self.ids[to], flags.clone(), &body).await;
            self.models[to].add(flags, body);
        }
        self.house.commit(batch).await;
    }

    async fn store_flags(&mut self, of: usize, mask: u32, how: u8, given: &Flags) {
        let view = self.house.view(self.ids[of]).await;
        let picked = Self::picked(&view, mask);
        let how = [FlagChange::Replace, FlagChange::Add, FlagChange::Remove][usize::from(how)];
        for entry in &picked {
            let (flags, _) = self.models[of].messages.get_mut(&entry.uid.get()).expect("in the model");
            match how {
                FlagChange::Replace => *flags = given.clone(),
                FlagChange::Add => flags.add(given),
                FlagChange::Remove => flags.remove(given),
            }
        }
        let mut batch = Batch::new();
        let stored = self.house.mailboxes.store_flags(&mut batch, &view, &picked, how, given);
        let stored = stored.expect("few keywords");
        let receipt = self.house.commit(batch).await;
        if let Some(modseq) = stored.modseq {
            assert!(receipt.number(modseq) > view.highest_modseq().0 as i64);
        }
    }

    async fn expunge(&mut self, of: usize, mask: u32) {
        let view = self.house.view(self.ids[of]).await;
        let picked = Self::picked(&view, mask);
        let mut batch = Batch::new();
        self.house.mailboxes.expunge(&mut batch, &view, &picked, NOW);
        self.house.commit(batch).await;
        for entry in picked {
            self.models[of].messages.remove(&entry.uid.get());
        }
    }

    async fn copy(&mut self, from: usize, to: usize, mask: u32, moving: bool) {
        let view = self.house.view(self.ids[from]).await;
        let picked = Self::picked(&view, mask);
        let mut batch = Batch::new();
        let mailboxes = &self.house.mailboxes;
        let copied = if moving {
            mailboxes.move_to(&mut batch, &view, &picked, Target::own(ANN, self.ids[to]), NOW).await
        } else {
            mailboxes.copy(&mut batch, &view, &picked, Target::own(ANN, self.ids[to]), NOW).await
        };
        let receipt = self.house.commit(batch).await;
        let copied = copied.expect("a healthy store").map_or_else(Vec::new, |copied| copied.uids);
        assert_eq!(copied.len(), picked.len());
        for (original, slot) in copied {
            let (flags, body) = self.models[from].messages[&original.get()].clone();
            self.models[to].add(flags, body);
            assert_eq!(receipt.number(slot), i64::from(self.models[to].last_uid));
            if moving {
                self.models[from].messages.remove(&original.get());
            }
        }
    }

    async fn recreate(&mut self, which: usize) {
        let mut batch = Batch::new();
        let before = self.house.view(self.ids[which]).await.uid_validity();
        self.house.mailboxes.delete(&mut batch, ANN, &name(NAMES[which]), NOW).await.expect("a mailbox");
        self.house.commit(batch).await;
        assert!(self.house.mailboxes.view(ANN, self.ids[which]).await.is_err());
        self.ids[which] = self.create(NAMES[which]).await;
        self.models[which] = Model::default();
        self.seen[which] = self.house.view(self.ids[which]).await;
        assert!(self.seen[which].uid_validity().0 > before.0);
    }

    async fn bring_back(&mut self, mask: u32) {
        let lost = self.house.lost().await;
        for (at, it) in lost.iter().enumerate().filter(|(at, _)| mask >> (at % 32) & 1 == 1) {
            let to = NAMES.iter().position(|text| name(text) == it.name).expect("one of ours");
            let body = self.house.mailboxes.summary(ANN, it.place.mailbox, it.place.uid).await;
            let mut batch = Batch::new();
            let mailboxes = &self.house.mailboxes;
            let uids =
                mailboxes.bring_back(&mut batch, ANN, std::slice::from_ref(it), self.ids[to], NOW).await;
            let receipt = self.house.commit(batch).await;
            let mut flags = it.flags.clone();
            flags.remove(&[mail::Flag::Deleted].into_iter().collect());
            self.models[to].add(flags, body.expect("a text").to_vec());
            let uids: Vec<i64> = uids.expect("a healthy store").iter().map(|u| receipt.number(*u)).collect();
            assert_eq!(uids, [i64::from(self.models[to].last_uid)], "{at}");
        }
    }

    /// Each body is referred to by the messages that are there and by those that can be brought back, and by nothing else.
    async fn check_references(&self) {
        let mut expected: BTreeMap<u64, u32> = BTreeMap::new();
        for id in &self.ids {
            for (_, entry) in self.house.view(*id).await.iter() {
                *expected.entry(entry.blob.0).or_default() += 1;
            }
        }
        for lost in self.house.lost().await {
            *expected.entry(lost.entry.blob.0).or_default() += 1;
        }
        assert_eq!(self.house.references().await, expected);
        let mut troubles = Vec::new();
        let audit = Mailboxes::audit(&self.house.store.snapshot(), |trouble| troubles.push(trouble)).await;
        assert_eq!((audit, troubles), (Ok(()), vec![]));
    }

    /// A session looks: the changes it is told of lead from what it saw to what is.
    async fn look(&mut self) {
        for (at, id) in self.ids.iter().enumerate() {
            let view = self.house.view(*id).await;
            let changes = view.changes_since(&self.seen[at]);
            let mut expected = uids(&self.seen[at]);
            expected.retain(|n| changes.vanished.iter().all(|gone| gone.get() != *n));
            expected.extend(changes.arrived.iter().map(|new| new.get()));
            assert_eq!(expected, uids(&view));
            for (_, entry) in view.iter() {
                let before = self.seen[at].by_uid(entry.uid);
                let changed = before.is_some_and(|(_, before)| before.modseq != entry.modseq);
                assert_eq!(changed, changes.changed.contains(&entry.uid));
            }
            let since = self.seen[at].highest_modseq();
            let vanished = self.house.mailboxes.vanished_since(&view, since).await.expect("a healthy store");
            assert!(changes.vanished.iter().all(|gone| vanished.contains(gone)));
            self.seen[at] = view;
        }
    }

    async fn check(&self) {
        let fresh = Mailboxes::new(Arc::clone(&self.house.store));
        self.house.mailboxes.views_are_written().await;
        let begun_again = self.house.begun_again();
        for (id, model) in self.ids.iter().zip(&self.models) {
            let warm = self.house.view(*id).await;
            let cold = fresh.view(ANN, *id).await.expect("a mailbox");
            assert_eq!(shown(&warm), shown(&cold));
            let kept = begun_again.view(ANN, *id).await.expect("a mailbox");
            assert_eq!(shown(&kept), shown(&cold));
            assert_eq!((kept.uid_next(), kept.highest_modseq()), (cold.uid_next(), cold.highest_modseq()));
            assert_eq!((kept.uid_validity(), kept.object()), (cold.uid_validity(), cold.object()));
            let expected: Vec<(u32, Flags)> =
                model.messages.iter().map(|(uid, (flags, _))| (*uid, flags.clone())).collect();
            let got: Vec<(u32, Flags)> =
                warm.iter().map(|(_, e)| (e.uid.get(), warm.flags(e.flags).clone())).collect();
            assert_eq!(got, expected);
            self.check_figures(*id, &warm, model).await;
        }
    }

    async fn check_figures(&self, id: MailboxId, view: &View, model: &Model) {
        let status = self.house.mailboxes.status(ANN, id).await.expect("a mailbox");
        let sizes: usize = model.messages.values().map(|(_, body)| body.len() + 6).sum();
        assert_eq!((status.messages as usize, status.size), (view.len(), view.size()));
        assert_eq!((status.unseen as usize, status.uid_next), (view.unseen(), view.uid_next()));
        assert_eq!(status.highest_modseq, view.highest_modseq());
        assert_eq!((view.size(), view.uid_next().get()), (sizes as u64, model.last_uid + 1));
        let max = view.iter().map(|(_, e)| e.modseq).max().unwrap_or(ModSeq(1));
        assert!(view.highest_modseq() >= max);
    }

    /// Every message can be read to its end.
    async fn check_bodies(&self) {
        for (id, model) in self.ids.iter().zip(&self.models) {
            let view = self.house.view(*id).await;
            for (_, entry) in view.iter() {
                let body = &model.messages[&entry.uid.get()].1;
                let read = self.house.read(*id, entry).await.expect("a body");
                assert_eq!(&read[6..], body);
            }
        }
    }
}

/// All that a view says of its messages.
pub(super) fn shown(view: &View) -> Vec<(Entry, Flags)> {
    let zero = crate::FlagSet(0);
    view.iter().map(|(_, e)| (Entry { flags: zero, ..*e }, view.flags(e.flags).clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn views_equal_the_model(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut life = Life::new().await;
            for act in &acts {
                life.act(act).await;
                life.check().await;
                life.check_references().await;
            }
            life.look().await;
            life.check_bodies().await;
            life.house.mailboxes.set_retention(Retention { expunged: Duration::ZERO, ..Retention::default() });
            life.house.sweep(3).await;
            assert_eq!(life.house.lost().await, []);
            life.check_references().await;
            life.check_bodies().await;
        });
    }
}
