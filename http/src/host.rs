//! What the door must know of the program that it belongs to.

/// The program behind the door.
pub trait Host: Send + Sync + 'static {
    /// The name of the member that owns a key.
    fn owner(&self, key: &[u8]) -> String;

    /// Whether a user of this name is known.
    fn has_user(&self, name: &[u8]) -> bool;

    /// Whether everybody may ask anything: then at least a browser is not to be made to do so for others.
    fn is_open(&self) -> bool;

    /// Whether `bytes` more may be held beside what sessions hold: if so, they are counted until they are given back.
    fn hold(&self, bytes: usize) -> bool;

    /// Gives back what was held.
    fn release(&self, bytes: usize);
}
