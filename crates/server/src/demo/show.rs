//! What the demo shows: each journey as it happens, in lines that stay, and a spinner while it waits.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use journey::What;
use mail::Wall;

use super::town::{Place, Town, User, config_file};
use super::words::words;
use crate::admin::JourneyEvent;
use crate::cli::output::{self, Paint, Style, Table};
use crate::cli::trace::{mark, style};
use crate::config::Service;

/// Writes to the terminal, or to a file in plain text.
pub(super) struct Show {
    paint: Paint,
    spinner: ProgressBar,
    /// The beginning of the journey shown now.
    began: Wall,
}

impl Show {
    pub(super) fn new() -> Self {
        let spinner = ProgressBar::new_spinner();
        let look = ProgressStyle::with_template("  {spinner:.cyan} {msg:.dim}");
        spinner.set_style(look.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { paint: Paint::for_stdout(), spinner, began: Wall::default() }
    }

    fn say(&self, line: &str) {
        self.spinner.suspend(|| output::say(line));
    }

    /// Shows that something is awaited, where a terminal shows it.
    pub(super) fn wait(&self, what: &str) {
        self.spinner.reset();
        self.spinner.set_message(what.to_owned());
        self.spinner.enable_steady_tick(Duration::from_millis(80));
    }

    /// Nothing is awaited any more.
    pub(super) fn rest(&self) {
        self.spinner.disable_steady_tick();
        self.spinner.finish_and_clear();
    }

    pub(super) fn title(&self, directory: &Path) {
        let paint = self.paint;
        self.say(&format!(
            "\n  {}  {}\n  {}\n",
            paint.paint(Style::Bold, "Posthouse"),
            "three mail servers on this machine, and mail on every way between them",
            paint.paint(Style::Dim, directory.display())
        ));
    }

    /// A part of the town stands.
    pub(super) fn built(&self, what: &str, where_it_is: &str) {
        let tick = self.paint.paint(Style::Green, "✓");
        self.say(&format!("  {tick} {what:<12} {}", self.paint.paint(Style::Dim, where_it_is)));
    }

    pub(super) fn people(&self, users: &[User]) {
        let names: Vec<&str> = users.iter().map(|user| user.address.as_str()).collect();
        self.built("people", &names.join(", "));
    }

    /// A new journey begins.
    pub(super) fn heading(&mut self, number: usize, title: &str, from: &str, to: &str, now: Wall) {
        self.began = now;
        let (title, arrow) = (format!("{number}  {title}"), self.paint.paint(Style::Dim, "→"));
        self.say(&format!("\n  {}", self.paint.paint(Style::Bold, title)));
        self.say(&format!("     {from} {arrow} {to}\n"));
    }

    /// Something that the demo itself did or saw.
    pub(super) fn note(&self, place: Option<Place>, now: Wall, text: &str) {
        self.line(place, now, &self.paint.paint(Style::Dim, "•"), &self.paint.paint(Style::Dim, text));
    }

    /// One event of a journey.
    pub(super) fn event(&self, place: Place, what: &What, event: &JourneyEvent) {
        let at = Wall::from_millis(event.at);
        let (verb, detail) = words(what, at);
        let verb = self.paint.paint(style(event), format!("{verb:<10}"));
        self.line(Some(place), at, &mark(event, self.paint), &format!("{verb}{}", output::clean(&detail)));
    }

    fn line(&self, place: Option<Place>, at: Wall, mark: &str, text: &str) {
        let name = format!("{:<6}", place.map_or("", Place::name));
        let name = self.paint.paint(place.map_or(Style::Dim, colour), name);
        let millis = at.millis() - self.began.millis();
        let time = format!("{:>3}.{:03} s", millis.max(0) / 1000, millis.max(0) % 1000);
        let time = self.paint.paint(Style::Dim, time);
        self.say(&format!("  {time}  {name} {mark} {text}"));
    }

    pub(super) fn arrived(&self, text: &str) {
        self.rest();
        let tick = self.paint.paint(Style::Green, format!("✓ {text}"));
        self.say(&format!("\n     {tick}"));
    }

    pub(super) fn failed(&self, why: &str) {
        self.rest();
        let cross = self.paint.paint(Style::Red, format!("✗ {}", output::clean(why)));
        self.say(&format!("\n     {cross}"));
    }

    pub(super) fn summary(&self, failures: usize) {
        let text = match failures {
            0 => self.paint.paint(Style::Green, "Every message arrived where it should."),
            some => {
                self.paint.paint(Style::Red, format!("{some} messages did not arrive where they should."))
            }
        };
        self.say(&format!("\n  {text}"));
    }

    /// How to connect a mail client.
    pub(super) fn directory(&self, town: &Town, directory: &Path) {
        let mut table = Table::new(&["user", "password", "host", "imap", "pop3", "send"]);
        let pair = |clear, tls| format!("{} / {}", town.port(clear), town.port(tls));
        for user in &town.users {
            table.row([
                user.address.clone(),
                user.password.clone(),
                user.place.address().to_string(),
                pair(Service::Imap, Service::Imaps),
                pair(Service::Pop3, Service::Pop3s),
                pair(Service::Submission, Service::Submissions),
            ]);
        }
        let indented = table.render(self.paint).replace('\n', "\n  ");
        let config = config_file(directory, Place::Alpha);
        let dim = |text: String| self.paint.paint(Style::Dim, text);
        self.say(&format!(
            "\n  {}\n\n  {indented}\n\n  {}\n  {}\n\n  {}\n",
            self.paint.paint(Style::Bold, "The post offices are open. Connect any mail client:"),
            dim("Ports are STARTTLS / TLS. The user name is the whole address. The certificates are the"
                .into()),
            dim("demo's own: accept them. Mail that you send shows up below, step by step.".into()),
            dim(format!("All commands work on it:  posthouse trace --config {}", config.display())),
        ));
        self.say(&format!("  {}\n", self.paint.paint(Style::Bold, "Ctrl-C ends the demo.")));
    }

    /// A journey of the user's own begins.
    pub(super) fn own(&mut self, now: Wall) {
        self.began = now;
        self.say("");
    }
}

fn colour(place: Place) -> Style {
    match place {
        Place::Alpha => Style::Cyan,
        Place::Beta => Style::Magenta,
        Place::Relay => Style::Yellow,
    }
}
