//! Opens a KBS's answer as a guest does: `kbs-types` parses the protected header into its own struct, and the additional
//! authenticated data are that struct written again. A header in another order of members cannot be opened.
use crate::text;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use aes_kw::KekAes256;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::Engine;
use kbs_types::{ProtectedHeader, Response};
use p256::pkcs8::DecodePrivateKey;
use rsa::sha2::Sha256;
use serde_json::{json, Value};

const EC: &str = "ECDH-ES+A256KW";
const RSA: &str = "RSA-OAEP-256";

pub fn judge(question: &Value) -> Result<Value, String> {
    let pem = text(question, "pem")?;
    let response: Response = serde_json::from_str(text(question, "jwe")?).map_err(said("the answer"))?;
    let key = content_key(&response.protected, pem, &response.encrypted_key)?;
    if response.protected.enc != "A256GCM" {
        return Err(format!("enc is {}", response.protected.enc));
    }
    let aad = response.protected.generate_aad().map_err(said("the header"))?;
    let cipher = Aes256Gcm::new_from_slice(&key).map_err(said("the content key"))?;
    if response.iv.len() != 12 {
        return Err(format!("iv has {} bytes", response.iv.len()));
    }
    let sealed = [response.ciphertext, response.tag].concat();
    let payload = Payload { msg: &sealed, aad: &aad };
    let plain = cipher
        .decrypt(Nonce::from_slice(&response.iv), payload)
        .map_err(|_| "aes-256-gcm decrypt failed".to_string())?;
    Ok(json!({ "plaintext": STANDARD.encode(plain) }))
}

fn content_key(header: &ProtectedHeader, pem: &str, wrapped: &[u8]) -> Result<Vec<u8>, String> {
    match header.alg.as_str() {
        RSA => rsa::RsaPrivateKey::from_pkcs8_pem(pem)
            .map_err(said("the RSA key"))?
            .decrypt(rsa::Oaep::new::<Sha256>(), wrapped)
            .map_err(said("RSA-OAEP")),
        EC => {
            let epk = header.other_fields.get("epk").ok_or("the header has no epk")?;
            let x = coordinate(epk, "x")?;
            let y = coordinate(epk, "y")?;
            let shared = match text(epk, "crv")? {
                "P-256" => agree_p256(pem, &x, &y),
                "P-521" => agree_p521(pem, &x, &y),
                other => Err(format!("the curve is {other}")),
            }?;
            unwrap_key(&shared, wrapped)
        }
        other => Err(format!("alg is {other}")),
    }
}

/// Concat KDF (RFC 7518 §4.6.2) without party information, then AES key unwrap (RFC 3394).
fn unwrap_key(shared: &[u8], wrapped: &[u8]) -> Result<Vec<u8>, String> {
    let mut info = Vec::new();
    info.extend((EC.len() as u32).to_be_bytes());
    info.extend(EC.as_bytes());
    info.extend([0; 8]);
    info.extend(256u32.to_be_bytes());
    let mut kek = [0; 32];
    concat_kdf::derive_key_into::<Sha256>(shared, &info, &mut kek).map_err(|error| format!("{error:?}"))?;
    KekAes256::from(kek).unwrap_vec(wrapped).map_err(said("key unwrap"))
}

fn coordinate(epk: &Value, name: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(text(epk, name)?).map_err(said(name))
}

fn agree_p256(pem: &str, x: &[u8], y: &[u8]) -> Result<Vec<u8>, String> {
    let key = p256::SecretKey::from_pkcs8_pem(pem).map_err(said("the P-256 key"))?;
    let other = p256::PublicKey::from_sec1_bytes(&point(x, y, 32)?).map_err(said("epk"))?;
    Ok(p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), other.as_affine()).raw_secret_bytes().to_vec())
}

fn agree_p521(pem: &str, x: &[u8], y: &[u8]) -> Result<Vec<u8>, String> {
    let key = p521::SecretKey::from_pkcs8_pem(pem).map_err(said("the P-521 key"))?;
    let other = p521::PublicKey::from_sec1_bytes(&point(x, y, 66)?).map_err(said("epk"))?;
    Ok(p521::ecdh::diffie_hellman(key.to_nonzero_scalar(), other.as_affine()).raw_secret_bytes().to_vec())
}

/// Guests take coordinates of the full length only: leading zeros must stand there.
fn point(x: &[u8], y: &[u8], size: usize) -> Result<Vec<u8>, String> {
    if x.len() != size || y.len() != size {
        return Err(format!("epk has coordinates of {} and {} bytes, not {size}", x.len(), y.len()));
    }
    Ok([&[4], x, y].concat())
}

fn said<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> String + '_ {
    move |error| format!("{what}: {error}")
}
