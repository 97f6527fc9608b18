//! Any bytes as a socket address: no panic, and what they mean survives the way back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shotclock::{Address, RawAddress};

fuzz_target!(|bytes: &[u8]| {
    let Some(raw) = RawAddress::new(bytes) else {
        assert!(bytes.len() < 2 || bytes.len() > RawAddress::CAPACITY, "{} bytes", bytes.len());
        return;
    };
    assert_eq!(raw.as_bytes(), bytes);
    let address = Address::from_raw(&raw);
    assert_eq!(address.family().0, raw.family());
    let _ = (address.to_string(), format!("{address:?}"), address.port(), address.ip(), address.as_inet());
    // Padding is not kept, so the bytes may differ once; what they mean may not.
    let again = address.to_raw();
    assert_eq!(Address::from_raw(&again), address, "{raw:?} became {again:?}");
    assert_eq!(Address::from_raw(&again).to_raw(), again);
});
