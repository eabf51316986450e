//! BODY and BODYSTRUCTURE (RFC 3501 §7.4.2, RFC 9051 §7.5.2).

use imap::Text;
use imap::response::Writer;
use message::{Disposition, Parameter, Part};

use super::envelope;

/// `body = "(" (body-type-1part / body-type-mpart) ")"`. Depth is bounded by `MIME_DEPTH`.
pub(super) fn write(out: &mut Writer<'_>, part: &Part, extended: bool) {
    out.text("(");
    if part.is_multipart() {
        multipart(out, part, extended);
    } else {
        single(out, part, extended);
    }
    out.text(")");
}

/// `body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]`
fn multipart(out: &mut Writer<'_>, part: &Part, extended: bool) {
    for child in &part.children {
        write(out, child, extended);
    }
    if part.children.is_empty() {
        // The grammar asks for at least one part. Where no boundary was found (a torn message, a wrong header), what
        // there is shows as one part of text, so that people can read it; `BODY[1]` gives it.
        let text = Part { body: part.body.clone(), lines: part.lines, ..Part::default() };
        write(out, &text, extended);
    }
    out.text(" ");
    upper(out, &part.subtype);
    if extended {
        out.text(" ");
        parameters(out, &part.parameters);
        disposition_language_location(out, part);
    }
}

/// `body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]`
fn single(out: &mut Writer<'_>, part: &Part, extended: bool) {
    upper(out, &part.kind);
    out.text(" ");
    upper(out, &part.subtype);
    out.text(" ");
    parameters(out, &part.parameters);
    out.text(" ");
    envelope::text(out, part.id.as_deref());
    out.text(" ");
    envelope::text(out, part.description.as_deref());
    out.text(" ");
    upper(out, &part.encoding);
    out.text(" ").number(part.size());
    // RFC 3501 §9 `media-message` knows RFC822 alone, RFC 9051 §9 GLOBAL too, and RFC 9755 §6 leaves it open.
    let shown = part.envelope.as_ref().filter(|_| part.subtype != "global" || out.1 == Text::Utf8);
    match (shown, part.children.first()) {
        (Some(inner), Some(child)) => {
            out.text(" ");
            envelope::write(out, inner);
            out.text(" ");
            write(out, child, extended);
            out.text(" ").number(part.lines);
        }
        _ if part.kind == "text" => drop(out.text(" ").number(part.lines)),
        _ => {}
    }
    if extended {
        out.text(" ");
        envelope::text(out, part.md5.as_deref());
        disposition_language_location(out, part);
    }
}

/// `body-fld-param = "(" string SP string *(SP string SP string) ")" / nil`
fn parameters(out: &mut Writer<'_>, parameters: &[Parameter]) {
    if parameters.is_empty() {
        out.text("NIL");
        return;
    }
    for (i, (name, value)) in parameters.iter().enumerate() {
        out.text(if i == 0 { "(" } else { " " });
        upper(out, name);
        out.text(" ").string(value.as_bytes());
    }
    out.text(")");
}

/// `[SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc]]]`
fn disposition_language_location(out: &mut Writer<'_>, part: &Part) {
    out.text(" ");
    match &part.disposition {
        Some(Disposition { kind, parameters: given }) => {
            out.text("(");
            upper(out, kind);
            out.text(" ");
            parameters(out, given);
            out.text(")");
        }
        None => drop(out.text("NIL")),
    }
    out.text(" ");
    match part.language.as_slice() {
        [] => drop(out.text("NIL")),
        [one] => drop(out.string(one.as_bytes())),
        several => {
            for (i, tag) in several.iter().enumerate() {
                out.text(if i == 0 { "(" } else { " " }).string(tag.as_bytes());
            }
            out.text(")");
        }
    }
    out.text(" ");
    envelope::text(out, part.location.as_deref());
}

/// Words that compare without regard to case are written in capitals, as the RFC's examples do.
fn upper(out: &mut Writer<'_>, word: &str) {
    out.string(word.to_ascii_uppercase().as_bytes());
}
