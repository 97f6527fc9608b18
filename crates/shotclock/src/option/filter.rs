//! Programs for the kernel's packet filter.

/// One instruction of a classic BPF program, for [`Socket::attach_filter`](crate::Socket::attach_filter) and
/// [`Socket::attach_reuseport_program`](crate::Socket::attach_reuseport_program). Source: `struct sock_filter` of
/// linux/filter.h, and Documentation/networking/filter.rst of the kernel. Only on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilterInstruction {
    /// What to do: `BPF_LD | BPF_W | BPF_ABS` and the like.
    pub code: u16,
    /// How many instructions to pass over if a comparison holds.
    pub if_true: u8,
    /// How many to pass over if it does not.
    pub if_false: u8,
    /// A constant, an offset, a word of memory: as `code` has it.
    pub operand: u32,
}

impl FilterInstruction {
    /// The most instructions of a program. Source: BPF_MAXINSNS.
    pub(crate) const MOST: usize = 4096;
    /// One that no comparison stands in.
    ///
    /// ```
    /// use shotclock::FilterInstruction;
    /// // BPF_RET | BPF_K: give a constant.
    /// assert_eq!(FilterInstruction::new(0x06, 1).if_true, 0);
    /// ```
    pub const fn new(code: u16, operand: u32) -> Self {
        Self { code, if_true: 0, if_false: 0, operand }
    }

    /// The bytes of `struct sock_filter`.
    pub(crate) fn encode(self) -> [u8; 8] {
        let [c0, c1] = self.code.to_ne_bytes();
        let [k0, k1, k2, k3] = self.operand.to_ne_bytes();
        [c0, c1, self.if_true, self.if_false, k0, k1, k2, k3]
    }
}
