//! What is known of users and groups.

/// The files of users and groups, as bytes. A file that is not there is empty: images from scratch have none.
#[derive(Clone, Default, Debug)]
pub struct Databases {
    pub passwd: Vec<u8>,
    pub group: Vec<u8>,
    /// `/etc/gshadow`, which names members too (newgrp(1)); only root may read it, and only root asks.
    pub gshadow: Vec<u8>,
}
