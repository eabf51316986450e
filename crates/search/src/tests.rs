//! The index beside a scan of the texts.

use std::collections::HashSet;
use std::sync::Arc;

use mail::{AccountId, MailboxId};
use proptest::prelude::*;
use world::World;
use world::disk::Open;
use world::disk::memory::MemoryDisk;

use super::*;

/// A text of each zone that is used here, for each message.
type Texts = Vec<(String, String)>;

fn built(texts: &Texts, first: u32) -> Builder {
    let mut builder = Builder::default();
    for (number, (subject, body)) in texts.iter().enumerate() {
        let uid = first + number as u32;
        let document = Document { uid, body: u64::from(uid) << 33, sent: Some(number as i32 - 1) };
        builder.add(document, [(Zones::SUBJECT, subject.as_str()), (Zones::BODY, body.as_str())]);
    }
    builder
}

fn segment(texts: &Texts, first: u32) -> Segment {
    Segment::open(built(texts, first).finish()).expect("just made")
}

/// What must be so for every question.
fn check(segment: &Segment, texts: &Texts, text: &str) {
    let phrase = Phrase::new(text);
    for zones in [Zones::SUBJECT, Zones::BODY, Zones::ALL] {
        let hits = segment.find(&phrase, zones);
        for (place, (subject, body)) in texts.iter().enumerate() {
            let has = (zones != Zones::BODY && subject.contains(text))
                || (zones != Zones::SUBJECT && body.contains(text));
            match hits.of(place) {
                Verdict::Yes => assert!(has, "{text:?} is not in {subject:?} {body:?} by {zones:?}"),
                Verdict::No => assert!(!has, "{text:?} is in {subject:?} {body:?} by {zones:?}"),
                Verdict::Maybe => {
                    assert!(!phrase.decides || subject.len() + body.len() > 96, "{text:?} is one word");
                }
            }
        }
    }
}

fn some_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[abc]{1,4}",
        2 => "[ab見て]{1,3}",
        2 => "[ .,\r\n\u{1}-]{1,2}",
        1 => "[äσß٣]{1,2}",
        1 => Just("a".repeat(97)),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn it_says_what_a_scan_says(
        texts in prop::collection::vec((some_text(), some_text()), 0..12),
        asked in prop::collection::vec(some_text(), 1..6),
        cut in (0..12_usize, 0..40_usize, 1..8_usize),
    ) {
        let segment = segment(&texts, 1);
        for text in &asked {
            check(&segment, &texts, text);
        }
        // A part of what is there, as people ask for it.
        if let Some((_, body)) = texts.get(cut.0) {
            let part: String = body.chars().skip(cut.1).take(cut.2).collect();
            check(&segment, &texts, &part);
        }
    }

    #[test]
    fn two_put_together_say_what_one_says(
        first in prop::collection::vec((some_text(), some_text()), 0..8),
        second in prop::collection::vec((some_text(), some_text()), 0..8),
        asked in some_text(),
    ) {
        let (a, b) = (segment(&first, 1), segment(&second, 1 + first.len() as u32));
        let merged = Segment::open(a.merged(&b, |_| true)).expect("just made");
        let both: Texts = first.iter().chain(&second).cloned().collect();
        check(&merged, &both, &asked);
        // Without every second one it is as if those had never been there.
        let some = Segment::open(a.merged(&b, |document| document.uid % 2 == 1)).expect("just made");
        let odd: Texts = both.iter().step_by(2).cloned().collect();
        prop_assert_eq!(some.documents().map(|document| document.uid).collect::<Vec<_>>(), (1..=both.len() as u32).step_by(2).collect::<Vec<_>>());
        check(&some, &odd, &asked);
    }

    #[test]
    fn likeness_does_not_depend_on_how_messages_are_put_together(
        first in prop::collection::vec((some_text(), some_text()), 0..8),
        second in prop::collection::vec((some_text(), some_text()), 0..8),
        asked in some_text(),
    ) {
        let (a, b) = (segment(&first, 1), segment(&second, 1 + first.len() as u32));
        let merged = Segment::open(a.merged(&b, |_| true)).expect("just made");
        for zones in [Zones::SUBJECT, Zones::READ] {
            let Some(likeness) = Likeness::new(&asked, zones) else { continue };
            let scores = merged.find_like(&likeness);
            prop_assert_eq!(&scores, &[a.find_like(&likeness), b.find_like(&likeness)].concat());
            // Who has all the words has them as they are.
            for (score, (subject, _)) in scores.iter().zip(first.iter().chain(&second)) {
                prop_assert!(*score <= 100);
                prop_assert!(*subject != asked || *score == 100);
            }
        }
    }

    #[test]
    fn a_file_that_is_not_whole_is_none(at in 0..2000_usize, bit in 0..8_u32, length in 0..2000_usize) {
        let texts: Texts = (0..20).map(|number| (format!("subject {number}"), format!("body of {number}"))).collect();
        let file = built(&texts, 1).finish();
        prop_assert!(Segment::open(file[..length.min(file.len() - 1)].to_vec()).is_none());
        let mut damaged = file.clone();
        let at = at % file.len();
        damaged[at] ^= 1 << bit;
        prop_assert!(Segment::open(damaged).is_none());
    }

    /// With checksums that hold, as a file has them that was made wrong.
    #[test]
    fn no_file_that_was_made_wrong_breaks_it(
        texts in prop::collection::vec((some_text(), some_text()), 0..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        asked in some_text(),
    ) {
        let mut file = built(&texts, 1).finish();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let body = crc32fast::hash(&file[40..]);
        file[32..36].copy_from_slice(&body.to_le_bytes());
        let header = crc32fast::hash(&file[..36]);
        file[36..40].copy_from_slice(&header.to_le_bytes());
        if let Some(segment) = Segment::open(file) {
            let hits = segment.find(&Phrase::new(&asked), Zones::ALL);
            prop_assert_eq!(hits.of(segment.len() + 64), Verdict::No);
            let scores = Likeness::new(&asked, Zones::READ).map(|likeness| segment.find_like(&likeness));
            prop_assert!(scores.is_none_or(|scores| scores.len() == segment.len()));
            prop_assert_eq!(segment.documents().count(), segment.len());
            prop_assert!(Segment::open(segment.merged(&segment, |_| false)).is_some());
        }
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        Segment::open(bytes);
    }
}

#[test]
fn documents_are_kept() {
    let texts = vec![(String::new(), String::new()); 3];
    let segment = segment(&texts, 7);
    let expected = Document { uid: 8, body: 8 << 33, sent: Some(0) };
    assert_eq!(
        (segment.document(1), segment.document(3), segment.uids()),
        (Some(expected), None, Some((7, 9)))
    );
}

fn world() -> World {
    World { disk: Arc::new(MemoryDisk::new()), ..world::real::world(&[]) }
}

const PLACE: Place = Place { account: AccountId(1), mailbox: MailboxId(7) };

fn uids(volumes: &Volumes) -> Vec<usize> {
    volumes.iter().map(|volume| volume.len()).collect()
}

fn one_text() -> Texts {
    vec![("subject".to_owned(), "body".to_owned())]
}

#[tokio::test]
async fn segments_grow_together_and_outlive_the_process() {
    let world = world();
    let shelf = Shelf::new(&world, "/search".as_ref());
    for number in 0..20 {
        shelf.add(PLACE, built(&one_text(), 1 + number), |_| true).await;
    }
    let volumes = shelf.volumes(PLACE).await;
    let lengths = uids(&volumes);
    assert_eq!(lengths.iter().sum::<usize>(), 20);
    assert!(lengths.len() < 6 && lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
    let again = Shelf::new(&world, "/search".as_ref());
    assert_eq!(uids(&again.volumes(PLACE).await), lengths);
    assert_eq!(world.disk.list("/search/01".as_ref()).expect("a directory").len(), lengths.len());
}

#[tokio::test]
async fn files_that_are_damaged_or_doubled_go() {
    let world = world();
    let shelf = Shelf::new(&world, "/search".as_ref());
    shelf.add(PLACE, built(&vec![one_text()[0].clone(); 9], 1), |_| true).await;
    shelf.add(PLACE, built(&one_text(), 10), |_| true).await;
    let dir = std::path::Path::new("/search/01");
    // As a crash between writing the merged one and removing its parts leaves it.
    world::disk::replace(
        &*world.disk,
        &dir.join("00000001-00000007-00000002-00000003"),
        segment(&vec![one_text()[0].clone(); 2], 2).file(),
    )
    .expect("written");
    world::disk::replace(&*world.disk, &dir.join("00000001-00000007-00000020-00000020"), b"no segment")
        .expect("written");
    let again = Shelf::new(&world, "/search".as_ref());
    assert_eq!(uids(&again.volumes(PLACE).await), [9, 1]);
    let file = world.disk.open(&dir.join("00000001-00000007-0000000a-0000000a"), Open::Write).expect("there");
    file.write_all_at(b"x", 50).expect("written");
    let again = Shelf::new(&world, "/search".as_ref());
    assert_eq!(uids(&again.volumes(PLACE).await), [9]);
    assert_eq!(world.disk.list(dir).expect("a directory").len(), 1);
}

#[tokio::test]
async fn memory_is_bounded_and_what_is_gone_is_removed() {
    let world = world();
    let shelf = Shelf::with_memory(&world, "/search".as_ref(), 400);
    let place = |mailbox| Place { mailbox: MailboxId(mailbox), ..PLACE };
    for mailbox in 1..=5 {
        shelf.add(place(mailbox), built(&one_text(), 1), |_| true).await;
    }
    let (books, bytes) = shelf.in_memory();
    assert!((1..5).contains(&books) && bytes <= 400, "{books} of {bytes} bytes");
    let odd: HashSet<_> = shelf.places().await.into_iter().filter(|place| place.mailbox.0 % 2 == 1).collect();
    assert_eq!(odd.len(), 3);
    shelf.remove(odd).await.expect("files go");
    for mailbox in 1..=5 {
        assert_eq!(shelf.volumes(place(mailbox)).await.len(), usize::from(mailbox % 2 == 0));
    }
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_no_reason_not_to_find() {
    let world = world();
    let full = MemoryDisk::new();
    full.set_capacity(Some(1 << 20));
    let shelf = Shelf::new(&World { disk: Arc::new(full.clone()), ..world }, "/search".as_ref());
    shelf.add(PLACE, built(&one_text(), 1), |_| true).await;
    assert_eq!(uids(&shelf.volumes(PLACE).await), [1]);
    assert_eq!(full.counts().written, 0, "mail needs what is left");
}
