//! Threads: which message answers which (RFC 5256 §3).

use std::collections::HashMap;

use mail::Wall;

use crate::subject::Base;

/// A chain of answers is followed up so far; what hangs deeper begins a thread of its own. So nobody makes threading slow by
/// mail that answers itself a million times.
const DEPTH_MAX: usize = 1000;

/// What threading needs of a message.
#[derive(Clone, Debug, Default)]
pub struct Threaded {
    /// Its Message-ID.
    pub id: Option<String>,
    /// Those it answers, oldest first: References, or else the first of In-Reply-To (§3 REFERENCES, step 1).
    pub references: Vec<String>,
    /// Its subject.
    pub subject: Base,
    /// Its sent date.
    pub sent: Option<Wall>,
}

/// A message with its answers; without a message where only its answers are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The place of the message among those given.
    pub message: Option<usize>,
    /// Places of its answers in the forest.
    pub answers: Vec<usize>,
}

/// Threads, as trees in one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forest {
    /// All messages, and those that are missing.
    pub nodes: Vec<Thread>,
    /// Where the threads begin, in order.
    pub roots: Vec<usize>,
}

/// ORDEREDSUBJECT: one thread for each subject, all further messages of it answer the first.
pub fn by_subject(messages: &[Threaded]) -> Forest {
    let mut order: Vec<usize> = (0..messages.len()).collect();
    order.sort_by_key(|&at| (messages[at].sent, at));
    let mut forest = Forest::default();
    forest.nodes.extend((0..messages.len()).map(|at| Thread { message: Some(at), answers: Vec::new() }));
    let mut firsts: HashMap<&str, usize> = HashMap::new();
    for at in order {
        let first = *firsts.entry(&messages[at].subject.text).or_insert(at);
        if first == at {
            forest.roots.push(at);
        } else {
            forest.nodes[first].answers.push(at);
        }
    }
    forest
}

/// REFERENCES.
pub fn by_references(messages: &[Threaded]) -> Forest {
    let mut builder = Builder { messages, nodes: Vec::new(), places: HashMap::new() };
    builder.link_all();
    builder.prune();
    let mut roots = builder.roots();
    builder.sort(&mut roots);
    builder.gather_subjects(&mut roots);
    builder.finish(roots)
}

struct Node {
    message: Option<usize>,
    parent: Option<usize>,
    children: Vec<usize>,
    /// Pruned.
    gone: bool,
}

struct Builder<'a> {
    messages: &'a [Threaded],
    nodes: Vec<Node>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Builder<'a> {
    fn node(&mut self, message: Option<usize>) -> usize {
        self.nodes.push(Node { message, parent: None, children: Vec::new(), gone: false });
        self.nodes.len() - 1
    }

    fn place(&mut self, id: &'a str) -> usize {
        if let Some(&place) = self.places.get(id) {
            return place;
        }
        let place = self.node(None);
        self.places.insert(id, place);
        place
    }

    /// Step 1.
    fn link_all(&mut self) {
        let messages = self.messages;
        for (at, message) in messages.iter().enumerate() {
            let mut last = None;
            for id in &message.references {
                let place = self.place(id);
                if let Some(parent) = last
                    && self.nodes[place].parent.is_none()
                {
                    self.link(parent, place);
                }
                last = Some(place);
            }
            // A message without an id, or with one that is taken, has one of its own.
            let own = message.id.as_deref().map(|id| self.place(id));
            let own = own.filter(|&own| self.nodes[own].message.is_none());
            let own = own.unwrap_or_else(|| self.node(None));
            self.nodes[own].message = Some(at);
            // What it says of itself counts for more than what others said.
            self.unlink(own);
            if let Some(parent) = last {
                self.link(parent, own);
            }
        }
    }

    /// Makes `child` an answer to `parent`, unless that would be a circle.
    fn link(&mut self, parent: usize, child: usize) {
        let mut above = Some(parent);
        for _ in 0..DEPTH_MAX {
            match above {
                None => {
                    self.nodes[child].parent = Some(parent);
                    return;
                }
                Some(at) if at == child => return,
                Some(at) => above = self.nodes[at].parent,
            }
        }
    }

    fn unlink(&mut self, child: usize) {
        self.nodes[child].parent = None;
    }

    /// Steps 2 and 3: the trees, without places of missing messages that tell nothing.
    fn prune(&mut self) {
        for at in 0..self.nodes.len() {
            if let Some(parent) = self.nodes[at].parent {
                self.nodes[parent].children.push(at);
            }
        }
        for at in self.leaves_first() {
            let mut children = Vec::new();
            for child in std::mem::take(&mut self.nodes[at].children) {
                if self.nodes[child].gone {
                    children.append(&mut self.nodes[child].children);
                } else {
                    children.push(child);
                }
            }
            let node = &mut self.nodes[at];
            node.gone = node.message.is_none() && (node.parent.is_some() || children.len() < 2);
            let parent = if node.gone { node.parent } else { Some(at) };
            node.children.clone_from(&children);
            for child in children {
                self.nodes[child].parent = parent;
            }
        }
    }

    /// All places, each behind those below it.
    fn leaves_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..self.nodes.len()).filter(|&at| self.nodes[at].parent.is_none()).collect();
        let mut next = 0;
        while next < order.len() {
            order.extend(&self.nodes[order[next]].children);
            next += 1;
        }
        order.reverse();
        order
    }

    fn roots(&self) -> Vec<usize> {
        let is_root = |at: &usize| self.nodes[*at].parent.is_none() && !self.nodes[*at].gone;
        (0..self.nodes.len()).filter(is_root).collect()
    }

    /// The message of a place; of a missing one its first answer, which is there after pruning.
    fn speaker(&self, at: usize) -> Option<usize> {
        let first = || self.nodes[at].children.iter().find_map(|&child| self.nodes[child].message);
        self.nodes[at].message.or_else(first)
    }

    /// Steps 4 and 6: answers by when they were sent, then as they were given.
    fn sort(&mut self, roots: &mut [usize]) {
        for at in self.leaves_first() {
            let mut children = std::mem::take(&mut self.nodes[at].children);
            children.sort_by_key(|&child| self.age(child));
            self.nodes[at].children = children;
        }
        roots.sort_by_key(|&root| self.age(root));
    }

    fn age(&self, at: usize) -> (Option<Wall>, Option<usize>) {
        let speaker = self.speaker(at);
        (speaker.and_then(|message| self.messages[message].sent), speaker)
    }

    /// Step 5: threads that have the same subject become one.
    fn gather_subjects(&mut self, roots: &mut Vec<usize>) {
        let mut table: HashMap<&'a str, usize> = HashMap::new();
        for &root in roots.iter() {
            let Some(subject) = self.subject(root) else { continue };
            let known = table.entry(subject).or_insert(root);
            let better = |this: &Self, new: usize, old: usize| {
                let (missing, was_missing) =
                    (this.nodes[new].message.is_none(), this.nodes[old].message.is_none());
                missing && !was_missing || missing == was_missing && this.is_reply(old) && !this.is_reply(new)
            };
            if better(self, root, *known) {
                *known = root;
            }
        }
        let mut kept = Vec::with_capacity(roots.len());
        for &root in roots.iter() {
            let Some(subject) = self.subject(root) else {
                kept.push(root);
                continue;
            };
            let known = table[subject];
            if known == root {
                kept.push(root);
            } else if let Some(both) = self.merge(known, root) {
                table.insert(subject, both);
                kept.push(both);
            }
        }
        // Some have found their place below another.
        kept.retain(|&root| self.nodes[root].parent.is_none());
        self.sort(&mut kept);
        *roots = kept;
    }

    fn subject(&self, root: usize) -> Option<&'a str> {
        let subject = self.messages[self.speaker(root)?].subject.text.as_str();
        (!subject.is_empty()).then_some(subject)
    }

    fn is_reply(&self, root: usize) -> bool {
        self.speaker(root).is_some_and(|message| self.messages[message].subject.is_reply)
    }

    /// Puts `root` with `known`; gives what holds both if that is new.
    fn merge(&mut self, known: usize, root: usize) -> Option<usize> {
        let (known_missing, missing) =
            (self.nodes[known].message.is_none(), self.nodes[root].message.is_none());
        if known_missing && missing {
            let children = std::mem::take(&mut self.nodes[root].children);
            self.nodes[root].gone = true;
            self.adopt(known, children);
            return None;
        }
        if known_missing || (self.is_reply(root) && !self.is_reply(known)) {
            self.adopt(known, vec![root]);
            return None;
        }
        let both = self.node(None);
        self.adopt(both, vec![known, root]);
        Some(both)
    }

    fn adopt(&mut self, parent: usize, children: Vec<usize>) {
        for &child in &children {
            self.nodes[child].parent = Some(parent);
        }
        self.nodes[parent].children.extend(children);
    }

    fn finish(self, roots: Vec<usize>) -> Forest {
        let thread = |node: Node| Thread { message: node.message, answers: node.children };
        Forest { nodes: self.nodes.into_iter().map(thread).collect(), roots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject;

    fn message(id: &str, references: &[&str], subject: &str, sent: i64) -> Threaded {
        Threaded {
            id: (!id.is_empty()).then(|| id.into()),
            references: references.iter().map(ToString::to_string).collect(),
            subject: subject::base(subject),
            sent: Some(Wall::from_secs(sent)),
        }
    }

    /// Messages from 1, a missing one as `?`, answers in brackets.
    fn shown(forest: &Forest) -> String {
        fn one(forest: &Forest, at: usize) -> String {
            let node = &forest.nodes[at];
            let name = node.message.map_or("?".into(), |message| (message + 1).to_string());
            let answers: Vec<String> = node.answers.iter().map(|&answer| one(forest, answer)).collect();
            if answers.is_empty() { name } else { format!("{name}[{}]", answers.join(" ")) }
        }
        forest.roots.iter().map(|&root| one(forest, root)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn references() {
        for (what, messages, expected) in [
            (
                "answers",
                vec![
                    message("a", &[], "x", 1),
                    message("b", &["a"], "Re: x", 2),
                    message("c", &["a", "b"], "Re: x", 3),
                ],
                "1[2[3]]",
            ),
            (
                "answers come first",
                vec![message("c", &["a", "b"], "Re: x", 3), message("a", &[], "x", 1)],
                "2[1]",
            ),
            (
                "a missing one in between",
                vec![message("a", &[], "x", 1), message("c", &["a", "b"], "Re: y", 2)],
                "1[2]",
            ),
            (
                "answers to a missing one",
                vec![message("b", &["a"], "x", 2), message("c", &["a"], "y", 1)],
                "?[2 1]",
            ),
            ("one answer to a missing one", vec![message("b", &["a"], "x", 2)], "1"),
            ("same subject", vec![message("a", &[], "x", 1), message("b", &[], "Re: x", 2)], "1[2]"),
            (
                "same subject, later original",
                vec![message("a", &[], "Re: x", 1), message("b", &[], "x", 2)],
                "2[1]",
            ),
            ("same subject, no answer", vec![message("a", &[], "x", 1), message("b", &[], "x", 2)], "?[1 2]"),
            ("no subject", vec![message("a", &[], "", 1), message("b", &[], "Re:", 2)], "1 2"),
            ("the same id twice", vec![message("a", &[], "x", 1), message("a", &[], "y", 2)], "1 2"),
            ("no id", vec![message("", &[], "x", 2), message("", &[], "y", 1)], "2 1"),
            ("a circle", vec![message("a", &["b"], "x", 1), message("b", &["a"], "y", 2)], "2[1]"),
            ("itself", vec![message("a", &["a"], "x", 1)], "1"),
            (
                "others were wrong",
                vec![
                    message("c", &["a", "b"], "1", 3),
                    message("b", &["d"], "2", 2),
                    message("d", &[], "3", 1),
                ],
                "3[2[1]]",
            ),
        ] {
            assert_eq!(shown(&by_references(&messages)), expected, "{what}");
        }
    }

    #[test]
    fn subjects() {
        let messages = [
            message("a", &[], "x", 5),
            message("b", &[], "y", 1),
            message("c", &[], "Re: x", 6),
            message("d", &[], "[list] X", 7),
        ];
        assert_eq!(shown(&by_subject(&messages)), "2 1[3 4]");
    }

    /// Attack A12: mail that answers mail that answers mail.
    #[test]
    fn long_chains_end() {
        let chain: Vec<Threaded> = (0..20_000)
            .map(|n| message(&n.to_string(), &[&(n + 1).to_string()], &n.to_string(), n))
            .collect();
        let forest = by_references(&chain);
        let messages = forest.nodes.iter().filter(|node| node.message.is_some()).count();
        assert_eq!(messages, 20_000);
        assert!(!forest.roots.is_empty());
        // One that has very many answers, each by way of one that is missing; and very many pairs.
        let many: Vec<Threaded> = (0..50_000)
            .map(|n| message(&format!("m{n}"), &["root", &format!("d{n}")], &format!("{}", n / 2), n))
            .collect();
        let forest = by_references(&many);
        assert_eq!(forest.nodes[forest.roots[0]].answers.len(), 50_000);
        let pairs: Vec<Threaded> =
            (0..50_000).map(|n| message(&format!("m{n}"), &[], &format!("s{}", n / 2), n)).collect();
        assert_eq!(by_references(&pairs).roots.len(), 25_000);
    }

    proptest::proptest! {
        /// Whatever refers to whatever: each message is in exactly one place.
        #[test]
        fn nothing_is_lost(of in proptest::collection::vec((0u8..12, proptest::collection::vec(0u8..12, 0..4), 0u8..4, 0i64..9), 0..16)) {
            let messages: Vec<Threaded> = of.iter().map(|(id, references, subject, sent)| {
                let references: Vec<String> = references.iter().map(ToString::to_string).collect();
                let references: Vec<&str> = references.iter().map(String::as_str).collect();
                message(&id.to_string(), &references, ["", "x", "Re: x", "y"][usize::from(*subject)], *sent)
            }).collect();
            for forest in [by_references(&messages), by_subject(&messages)] {
                let mut seen = Vec::new();
                let mut next = forest.roots.clone();
                while let Some(at) = next.pop() {
                    seen.extend(forest.nodes[at].message);
                    next.extend(&forest.nodes[at].answers);
                    proptest::prop_assert!(forest.nodes[at].message.is_some() || forest.nodes[at].answers.len() > 1);
                }
                seen.sort_unstable();
                proptest::prop_assert_eq!(seen, (0..messages.len()).collect::<Vec<_>>());
            }
        }
    }
}
