// Command peer tells how Go's archive/tar reads archives, and what lies in a folder.
//
//	peer tar        reads archives from standard input, each behind its length in 4 bytes (big-endian); answers each with a line
//	peer walk DIR   one line for what lies below DIR
//
// A line is a JSON array of entries [name, type, mode, size, sha256, link, uid, gid, device, xattrs] with names, links, values in
// hexadecimal; or a JSON string: why the archive cannot be read.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

type entry [10]any

func main() {
	if len(os.Args) == 2 && os.Args[1] == "tar" {
		answerAll(os.Stdin, os.Stdout)
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "walk" {
		entries, err := walk(os.Args[2])
		fail(err)
		fail(json.NewEncoder(os.Stdout).Encode(entries))
		return
	}
	fail(fmt.Errorf("usage: peer tar | peer walk DIR"))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func answerAll(in io.Reader, out io.Writer) {
	input := bufio.NewReaderSize(in, 1<<20)
	output := bufio.NewWriterSize(out, 1<<16)
	var length [4]byte
	for {
		if _, err := io.ReadFull(input, length[:]); err == io.EOF {
			break
		} else {
			fail(err)
		}
		archive := make([]byte, binary.BigEndian.Uint32(length[:]))
		_, err := io.ReadFull(input, archive)
		fail(err)
		var answer any
		if entries, err := read(archive); err == nil {
			answer = entries
		} else {
			answer = err.Error()
		}
		line, err := json.Marshal(answer)
		fail(err)
		_, err = output.Write(append(line, '\n'))
		fail(err)
		// The other side waits for answers when it has sent what the pipe holds.
		if input.Buffered() == 0 {
			fail(output.Flush())
		}
	}
	fail(output.Flush())
}

func read(archive []byte) ([]entry, error) {
	entries := []entry{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		hash := sha256.New()
		size, err := io.Copy(hash, io.LimitReader(reader, 1<<30))
		if err != nil {
			return nil, err
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		entries = append(entries, entryOf(header, size, hex.EncodeToString(hash.Sum(nil))))
	}
}

var kinds = map[byte]string{
	tar.TypeReg: "file", tar.TypeCont: "file", tar.TypeLink: "hardlink", tar.TypeSymlink: "symlink",
	tar.TypeChar: "char", tar.TypeBlock: "block", tar.TypeDir: "dir", tar.TypeFifo: "fifo",
}

func entryOf(header *tar.Header, size int64, sum string) entry {
	kind := kinds[header.Typeflag]
	if kind == "" {
		kind = "type " + string(header.Typeflag)
	}
	link, device := "", ""
	switch kind {
	case "hardlink":
		link = clean(header.Linkname)
	case "symlink":
		link = header.Linkname
	case "char", "block":
		device = fmt.Sprintf("%d:%d", header.Devmajor, header.Devminor)
	case "file":
	default:
	}
	if kind != "file" {
		sum = ""
	}
	return entry{inHex(clean(header.Name)), kind, header.Mode & 07777, size, sum, inHex(link), header.Uid, header.Gid, device, xattrsOf(header)}
}

// As engines do: below the root, without dots.
func clean(name string) string {
	cleaned := strings.TrimPrefix(path.Clean("/"+name), "/")
	if cleaned == "" {
		return "."
	}
	return cleaned
}

func xattrsOf(header *tar.Header) string {
	found := []string{}
	for key, value := range header.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			found = append(found, inHex(name)+"="+inHex(value))
		}
	}
	sort.Strings(found)
	return strings.Join(found, ",")
}

func walk(root string) ([]entry, error) {
	entries := []entry{}
	err := filepath.WalkDir(root, func(full string, _ os.DirEntry, err error) error {
		if err != nil || full == root {
			return err
		}
		found, err := stat(root, full)
		entries = append(entries, found)
		return err
	})
	return entries, err
}

func stat(root, full string) (entry, error) {
	var info syscall.Stat_t
	if err := syscall.Lstat(full, &info); err != nil {
		return entry{}, err
	}
	kind, link, sum, device, size := "", "", "", "", int64(0)
	var err error
	switch info.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		kind, size = "file", info.Size
		sum, err = sumOf(full)
	case syscall.S_IFDIR:
		kind = "dir"
	case syscall.S_IFLNK:
		kind = "symlink"
		link, err = os.Readlink(full)
	case syscall.S_IFCHR:
		kind, device = "char", number(info.Rdev)
	case syscall.S_IFBLK:
		kind, device = "block", number(info.Rdev)
	case syscall.S_IFIFO:
		kind = "fifo"
	default:
		kind = "other"
	}
	if err != nil {
		return entry{}, err
	}
	xattrs, err := listXattrs(full, kind)
	name := strings.TrimPrefix(full, root+"/")
	return entry{inHex(name), kind, info.Mode & 07777, size, sum, inHex(link), info.Uid, info.Gid, device, xattrs}, err
}

func number(device uint64) string {
	major := (device>>8)&0xfff | (device>>32)&^uint64(0xfff)
	minor := device&0xff | (device>>12)&^uint64(0xff)
	return fmt.Sprintf("%d:%d", major, minor)
}

func sumOf(file string) (string, error) {
	content, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer content.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, content)
	return hex.EncodeToString(hash.Sum(nil)), err
}

func listXattrs(file, kind string) (string, error) {
	// A link's own attributes need another call; none of our archives has any.
	if kind != "file" && kind != "dir" {
		return "", nil
	}
	names := make([]byte, 1<<16)
	n, err := syscall.Listxattr(file, names)
	if err != nil {
		return "", err
	}
	found := []string{}
	for _, name := range strings.Split(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 1<<16)
		size, err := syscall.Getxattr(file, name, value)
		if err != nil {
			return "", err
		}
		found = append(found, inHex(name)+"="+inHex(string(value[:size])))
	}
	sort.Strings(found)
	return strings.Join(found, ","), nil
}

func inHex(text string) string {
	return hex.EncodeToString([]byte(text))
}
