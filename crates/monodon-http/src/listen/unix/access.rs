//! Who may use the Unix sockets that the server makes (`--socket-mode`, `--socket-owner`).

use crate::options::Options;
use crate::start_error::StartError;

/// The mode and the owner of a socket's file.
#[derive(Debug)]
#[cfg_attr(
    not(unix),
    allow(dead_code, reason = "there are no such files on this system")
)]
pub(crate) struct Access {
    mode: u32,
    owner: Option<Owner>,
}

/// Numbers of the user and the group, and how they were given.
#[derive(Debug)]
#[cfg_attr(
    not(unix),
    allow(dead_code, reason = "there are no owners on this system")
)]
struct Owner {
    user: Option<u32>,
    group: Option<u32>,
    given: String,
}

impl Access {
    /// # Errors
    /// [`StartError::Option`] for a user or a group that this machine does not know.
    pub(crate) fn new(options: &Options) -> Result<Self, StartError> {
        let given = options.socket_owner.as_str();
        let owner = if given.is_empty() {
            None
        } else {
            let owner = look_up::owner(given).map_err(|why| StartError::Option {
                option: "socket-owner",
                value: given.to_owned(),
                why,
            })?;
            Some(owner)
        };
        Ok(Self {
            mode: options.socket_mode,
            owner,
        })
    }

    /// Sets them. The mode comes first: who has given a file away may not change it any more.
    #[cfg(unix)]
    pub(crate) fn apply(&self, path: &std::path::Path) -> std::io::Result<()> {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::{PermissionsExt, lchown};

        set_permissions(path, Permissions::from_mode(self.mode))?;
        let Some(Owner { user, group, given }) = &self.owner else {
            return Ok(());
        };
        lchown(path, *user, *group).map_err(|error| {
            let why = format!(
                "the socket cannot be given to {given}: {error}; only root gives to others, and everybody to groups of their own"
            );
            std::io::Error::new(error.kind(), why)
        })
    }
}

#[cfg(unix)]
mod look_up {
    use nix::unistd::{Group, User};

    use super::Owner;

    /// Reads `USER`, `USER:GROUP` or `:GROUP`; what is no name and is a number stands for itself, as for
    /// chown(1).
    pub(super) fn owner(given: &str) -> Result<Owner, String> {
        let (user, group) = match given.split_once(':') {
            None => (given, None),
            Some((user, group)) => (user, Some(group)),
        };
        let user = (!user.is_empty()).then_some(user);
        Ok(Owner {
            user: user.map(user_number).transpose()?,
            group: group.map(group_number).transpose()?,
            given: given.to_owned(),
        })
    }

    fn user_number(name: &str) -> Result<u32, String> {
        let found = User::from_name(name).map(|user| user.map(|user| user.uid.as_raw()));
        number("user", name, found)
    }

    fn group_number(name: &str) -> Result<u32, String> {
        let found = Group::from_name(name).map(|group| group.map(|group| group.gid.as_raw()));
        number("group", name, found)
    }

    fn number(kind: &str, name: &str, found: nix::Result<Option<u32>>) -> Result<u32, String> {
        let found =
            found.map_err(|error| format!("the {kind} {name} cannot be looked up: {error}"))?;
        // The highest number means "none" to the system.
        let as_number = || name.parse().ok().filter(|&number| number != u32::MAX);
        found
            .or_else(as_number)
            .ok_or_else(|| format!("this machine has no {kind} {name}"))
    }
}

#[cfg(not(unix))]
mod look_up {
    use super::Owner;

    pub(super) fn owner(_: &str) -> Result<Owner, String> {
        Err("files have no such owners on this system".to_owned())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::{Access, look_up};
    use crate::options::Options;

    #[test]
    fn owners_are_names_or_numbers() {
        for (given, user, group) in [
            ("root", Some(0), None),
            ("root:0", Some(0), Some(0)),
            (":12345", None, Some(12_345)),
            ("4000000000:7", Some(4_000_000_000), Some(7)),
        ] {
            let owner = look_up::owner(given).expect(given);
            assert_eq!((owner.user, owner.group), (user, group), "{given}");
        }
        for given in ["no-such-user", ":no-such-group", "4294967295", "-1"] {
            look_up::owner(given).expect_err(given);
        }
    }

    #[test]
    fn an_owner_that_is_none_is_told_by_the_option() {
        let options = Options {
            socket_owner: "root:no-such-group".to_owned(),
            ..Options::default()
        };
        let error = Access::new(&options).expect_err("no such group");
        assert_eq!(
            error.to_string(),
            "--socket-owner is \"root:no-such-group\": this machine has no group no-such-group"
        );
    }
}
