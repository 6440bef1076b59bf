//! What has to be made: whatever is missing, expired, or does not fit the rest.

use std::path::Path;

use rcgen::{Issuer, KeyPair};
use ringtail_net::Problem;

use crate::files;
use crate::make::{self, Leaf};
use crate::read::{self, Pair, State};

/// One certificate and its key that were written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) files: String,
    pub(crate) why: String,
}

/// Makes what is needed in `out`. With a good CA in place only it signs; a new CA signs everything anew.
pub(crate) fn bring_about(
    out: &Path,
    names: &[String],
    days: u32,
    force: bool,
) -> Result<Vec<Made>, Problem> {
    files::create_directory(out)?;
    let leaves = [Leaf::server(names), Leaf::client()];
    let ca = read::pair(out, "ca")?;
    let why_anew = if force { Some("--force".to_owned()) } else { why_new_ca(out, &ca, &leaves)? };
    let Some(why) = why_anew else {
        return renew(out, &ca, &leaves, days);
    };
    let ca = make::ca()?;
    files::write_pair(out, "ca", &ca.cert, &ca.key)?;
    let mut made = vec![note("ca", &why)];
    for leaf in &leaves {
        sign(out, leaf, &issuer(&ca)?, days)?;
        made.push(note(leaf.file, "signed by the new CA"));
    }
    Ok(made)
}

/// A CA is made only where there is none and nothing hangs on one, or where the old one has expired: a CA
/// whose key is kept elsewhere must not be replaced behind its owner's back.
fn why_new_ca(out: &Path, ca: &Pair, leaves: &[Leaf]) -> Result<Option<String>, Problem> {
    match ca.state() {
        State::Good => Ok(None),
        State::Expired => Ok(Some("the old one has expired".into())),
        State::Missing => match leaves.iter().any(|leaf| files::exists(out, leaf.file)) {
            false => Ok(Some("there was none".into())),
            true => {
                Err(lost(out, "ca.crt and ca.key are missing, but certificates that a CA signed are there"))
            }
        },
        State::KeyMissing if all_good(out, ca, leaves)? => Ok(None),
        State::KeyMissing => Err(lost(out, "ca.key is missing, so nothing can be signed")),
        State::Unfit(what) => Err(lost(out, &what)),
    }
}

fn lost(out: &Path, what: &str) -> Problem {
    let hint = "put the CA's files back, or --force makes a new CA and all certificates anew";
    Problem::new(format!("in {}: {what}", out.display()), hint)
}

fn all_good(out: &Path, ca: &Pair, leaves: &[Leaf]) -> Result<bool, Problem> {
    let mut good = true;
    for leaf in leaves {
        good &= why_renew(out, ca, leaf)?.is_none();
    }
    Ok(good)
}

fn renew(out: &Path, ca: &Pair, leaves: &[Leaf], days: u32) -> Result<Vec<Made>, Problem> {
    let mut made = Vec::new();
    for leaf in leaves {
        if let Some(why) = why_renew(out, ca, leaf)? {
            sign(out, leaf, &issuer(ca)?, days)?;
            made.push(note(leaf.file, &why));
        }
    }
    Ok(made)
}

fn why_renew(out: &Path, ca: &Pair, leaf: &Leaf) -> Result<Option<String>, Problem> {
    let pair = read::pair(out, leaf.file)?;
    Ok(match pair.state() {
        State::Good if !pair.is_signed_by(ca) => Some("the old one was signed by another CA".into()),
        State::Good => pair.lacks(&leaf.names).map(|name| format!("the old one was not for {name}")),
        State::Missing => Some("there was none".into()),
        State::KeyMissing => Some("its key was missing".into()),
        State::Expired => Some("the old one has expired, or is about to".into()),
        State::Unfit(what) => Some(what),
    })
}

fn sign(out: &Path, leaf: &Leaf, ca: &Issuer<'_, KeyPair>, days: u32) -> Result<(), Problem> {
    let made = make::leaf(leaf, ca, days)?;
    files::write_pair(out, leaf.file, &made.cert, &made.key)
}

fn issuer(ca: &Pair) -> Result<Issuer<'static, KeyPair>, Problem> {
    let key = KeyPair::from_pem(&ca.key).map_err(|error| make::failed(&error))?;
    Issuer::from_ca_cert_pem(&ca.cert, key).map_err(|error| make::failed(&error))
}

fn note(file: &str, why: &str) -> Made {
    Made { files: format!("{file}.crt and {file}.key"), why: why.to_owned() }
}
