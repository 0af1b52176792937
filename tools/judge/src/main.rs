//! Judges of the tests, one JSON object a line in and out.
//!
//! `rego`: `{policy, rule, input, data?, values?}` → `{value}` or `{error}`, evaluated by regorus as Trustee does it;
//!         a rule without value gives `{}`. `values` are the reference values of `query_reference_value`.
//! `open`: `{pem, jwe}` → `{plaintext}` (base64) or `{error}`: reads a KBS's answer with the types of the guests.
mod open;
mod rego;

use serde_json::{json, Value};
use std::io::{self, BufRead, Write};

fn main() -> io::Result<()> {
    let judge: fn(&Value) -> Result<Value, String> = match std::env::args().nth(1).as_deref() {
        Some("rego") => rego::judge,
        Some("open") => open::judge,
        Some("-version") => {
            println!("sealwright-judge {} (regorus, kbs-types)", env!("CARGO_PKG_VERSION"));
            return Ok(());
        }
        _ => {
            eprintln!("usage: sealwright-judge rego|open|-version");
            std::process::exit(2);
        }
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let answer = serde_json::from_str(&line?)
            .map_err(|error| error.to_string())
            .and_then(|value: Value| judge(&value))
            .unwrap_or_else(|error| json!({ "error": error }));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// A member that must be a string.
fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name].as_str().ok_or_else(|| format!("{name} is not a string"))
}
