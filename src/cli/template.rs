//! `levy template`: an empty batch with its header, for people to fill in.

use std::io::{ErrorKind, Write, stdout};

use super::args::{TemplateArgs, TemplateLanguage};
use super::failure::{Exit, Failure};
use crate::batch::{Language, template};
use crate::report::progress::say;
use crate::report::template::write;

/// Writes it, or prints it.
pub fn template_file(args: &TemplateArgs) -> Result<Exit, Failure> {
    let language = match args.lang {
        TemplateLanguage::En => Language::English,
        TemplateLanguage::Zh => Language::Chinese,
    };
    let header = template(language, args.yuan);
    let Some(path) = &args.file else {
        let _ = writeln!(stdout(), "{}", header.join(","));
        return Ok(Exit::Done);
    };
    match write(path, &header, language) {
        Ok(()) => {
            say(&format!(
                "{}: fill it in, then `levy check` it",
                path.display()
            ));
            Ok(Exit::Done)
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(Failure::Usage(format!(
            "{}: is there already, and is not overwritten; name another",
            path.display()
        ))),
        Err(e) => Err(Failure::Other(anyhow::anyhow!("{}: {e}", path.display()))),
    }
}
