#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| edgis_fuzz::arguments(data));
