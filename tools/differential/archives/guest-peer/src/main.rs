//! Tells how the tar reader of Confidential Containers guests reads archives.
//!
//! Reads archives from standard input, each behind its length in 4 bytes (big-endian); answers each with a line: a JSON array of entries
//! [name, type, mode, size, sha256, link, uid, gid, xattrs] with names, links and values in hexadecimal, or a JSON string: why the archive
//! cannot be read.
//! Entries are given as image-rs treats them before it writes: names as bytes of the entry, devices as the plain files that it makes.

use sha2::{Digest, Sha256};
use std::io::{BufReader, BufWriter, Read, Write};
use tokio::io::AsyncReadExt;
use tokio_stream::StreamExt;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 || (c as u32) > 0x7e => out.push('?'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// One fallible value where older versions of the crate give a plain one.
trait Fallible {
    type Value;
    fn fallible(self) -> std::io::Result<Self::Value>;
}
impl<T> Fallible for std::io::Result<T> {
    type Value = T;
    fn fallible(self) -> std::io::Result<T> {
        self
    }
}
impl<'a> Fallible for std::borrow::Cow<'a, [u8]> {
    type Value = Self;
    fn fallible(self) -> std::io::Result<Self> {
        Ok(self)
    }
}
impl<'a> Fallible for Option<std::borrow::Cow<'a, [u8]>> {
    type Value = Self;
    fn fallible(self) -> std::io::Result<Self> {
        Ok(self)
    }
}

async fn read(archive: &[u8]) -> std::io::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut archive = tokio_tar::ArchiveBuilder::new(archive)
        .set_ignore_zeros(true)
        .set_preserve_permissions(true)
        .build();
    let mut entries = archive.entries()?;
    while let Some(entry) = entries.next().await {
        let mut entry = entry?;
        let name = entry.path_bytes().fallible()?.into_owned();
        let (uid, gid) = (entry.header().uid()?, entry.header().gid()?);
        if uid > u32::MAX as u64 || gid > u32::MAX as u64 {
            return Err(std::io::Error::other("owner too large"));
        }
        let mode = entry
            .header()
            .mode()
            .map(|mode| (mode & 0o7777) as i64)
            .unwrap_or(-1);
        entry.header().mtime()?;
        let kind = entry.header().entry_type();
        let is_old_folder = entry.header().as_ustar().is_none() && name.ends_with(b"/");
        let mut link = String::new();
        let mut kind = if kind.is_dir() {
            "dir"
        } else if kind.is_hard_link() || kind.is_symlink() {
            match entry.link_name_bytes().fallible()? {
                Some(bytes) if !bytes.is_empty() && !bytes.contains(&0) => link = hex(&bytes),
                _ => return Err(std::io::Error::other("link without target")),
            }
            if kind.is_symlink() {
                "symlink"
            } else {
                "hardlink"
            }
        } else if kind.is_pax_global_extensions()
            || kind.is_pax_local_extensions()
            || kind.is_gnu_longname()
            || kind.is_gnu_longlink()
        {
            "nothing"
        } else if is_old_folder {
            "dir"
        } else {
            "file"
        };
        if std::str::from_utf8(&name).is_err() {
            return Err(std::io::Error::other("name is no UTF-8"));
        }
        if name.contains(&0) {
            return Err(std::io::Error::other("NUL in a name"));
        }
        // What unpack_in skips without a word.
        if name.split(|byte| *byte == b'/').any(|part| part == b"..") {
            kind = "skipped";
        }
        let mut size = 0;
        let mut sum = String::new();
        let mut xattrs = Vec::new();
        if kind == "file" {
            let mut hash = Sha256::new();
            let mut buffer = vec![0; 65536];
            loop {
                let n = entry.read(&mut buffer).await?;
                if n == 0 {
                    break;
                }
                size += n;
                hash.update(&buffer[..n]);
            }
            sum = hex(&hash.finalize());
            if let Some(extensions) = entry.pax_extensions().await? {
                for extension in extensions {
                    let Ok(extension) = extension else { continue };
                    if let Some(key) = extension.key_bytes().strip_prefix(b"SCHILY.xattr.") {
                        let key = hex(key);
                        xattrs.retain(|text: &String| !text.starts_with(&format!("{key}=")));
                        xattrs.push(format!("{key}={}", hex(extension.value_bytes())));
                    }
                }
            }
            xattrs.sort();
        }
        lines.push(format!(
            "[\"{}\",\"{kind}\",{mode},{size},\"{sum}\",\"{link}\",{uid},{gid},\"{}\"]",
            hex(&name),
            xattrs.join(",")
        ));
    }
    Ok(lines)
}

fn told(result: std::io::Result<Vec<String>>) -> String {
    match result {
        Ok(lines) => format!("[{}]", lines.join(",")),
        Err(error) => quoted(&error.to_string()),
    }
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut input = BufReader::with_capacity(1 << 20, std::io::stdin());
    let mut output = BufWriter::new(std::io::stdout());
    let mut length = [0; 4];
    loop {
        match input.read_exact(&mut length) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return output.flush()
            }
            other => other?,
        }
        let mut archive = vec![0; u32::from_be_bytes(length) as usize];
        input.read_exact(&mut archive)?;
        writeln!(output, "{}", told(runtime.block_on(read(&archive))))?;
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
}
