import type { Classifier } from './types.ts'

/** Command-line tools, shells and libraries. */
export const toolClassifiers: readonly Classifier[] = [
  {
    id: 'busybox',
    name: 'busybox',
    files: ['busybox'],
    clues: [{ text: /BusyBox\s{1,8}v([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'BusyBox' }],
  },
  {
    id: 'util-linux',
    name: 'util-linux',
    files: ['getopt'],
    clues: [{ text: /\x00util-linux\s([0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8})?)\x00/, near: '\0util-linux' }],
  },
  {
    id: 'bash',
    name: 'bash',
    files: ['bash'],
    clues: [
      {
        text: /@\(#\)Bash version ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\([0-9]\) [a-z0-9]{1,20} GNU/,
        near: '@(#)Bash version ',
      },
    ],
  },
  {
    id: 'openssl-aws-lc',
    name: 'aws-lc',
    files: ['openssl'],
    group: 'openssl',
    clues: [{ text: /AWS-LC ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\)\x00/, near: 'AWS-LC ' }],
  },
  {
    id: 'openssl',
    name: 'openssl',
    files: ['openssl'],
    group: 'openssl',
    clues: [
      {
        text: /\x00OpenSSL ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:[a-z]{1,2}|-(?:alpha|beta|rc)[0-9])?)/,
        near: '\0OpenSSL ',
      },
    ],
  },
  {
    id: 'libcrypto',
    name: 'openssl',
    files: { prefix: 'libcrypto.so', pattern: /./ },
    clues: [{ text: /\x00OpenSSL ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:[a-z]{1,2})?) [0-9 ]/, near: '\0OpenSSL ' }],
  },
  {
    id: 'qtbase',
    name: 'qtbase',
    files: { prefix: 'libQt', pattern: /^libQt[0-9]*Core\.so/ },
    clues: [
      { text: /\x00\x00Qt ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}) \(/, near: '\0\0Qt ' },
      { text: /QtCore library version ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'QtCore library version ' },
    ],
  },
  {
    id: 'gcc',
    name: 'gcc',
    files: ['gcc'],
    clues: [{ text: /GCC: \(GNU\) ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'GCC: (GNU) ' }],
  },
  {
    id: 'wp-cli',
    name: 'wp-cli',
    files: ['wp'],
    clues: [{ text: /wp-cli\/wp-cli ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'wp-cli/wp-cli ' }],
  },
  {
    id: 'curl',
    name: 'curl',
    files: ['curl'],
    clues: [{ text: /curl\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'curl/' }],
  },
  {
    id: 'libcurl',
    name: 'curl',
    files: { prefix: 'libcurl', pattern: /^libcurl(?:-gnutls|-nss)?\.so/ },
    clues: [{ text: /libcurl\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'libcurl/' }],
  },
  { id: 'zstd', name: 'zstd', files: ['zstd'], clues: [{ text: /\x00v([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00/ }] },
  {
    id: 'xz',
    name: 'xz',
    files: ['xz'],
    clues: [{ text: /\x00xz \(XZ Utils\) ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00/, near: '\0xz (XZ Utils) ' }],
  },
  {
    id: 'gzip',
    name: 'gzip',
    files: ['gzip'],
    // The number alone says nothing: other programs have this name too.
    clues: [{ text: /\x00([0-9]{1,8}\.[0-9]{1,8})\x00/, has: '%s: %s: not in gzip format' }],
  },
  {
    id: 'sqlcipher',
    name: 'sqlcipher',
    files: ['sqlcipher'],
    clues: [{ text: /[^0-9]\x00([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00/ }],
  },
  {
    id: 'sqlite',
    name: 'sqlite',
    files: { prefix: 'libsqlite3.so', pattern: /./ },
    clues: [{ text: /\x00(3\.[0-9]{1,8}\.[0-9]{1,8})\x00/, has: 'SQLite format 3' }],
  },
  {
    id: 'jq',
    name: 'jq',
    files: ['jq'],
    clues: [{ text: /\x00([0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,8})?)\x00/ }],
  },
  {
    id: 'git',
    name: 'git',
    files: ['git'],
    clues: [{ text: /git\/([0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8}){1,2})\x00/, near: 'git/' }],
  },
  {
    id: 'openssh',
    name: 'openssh',
    files: ['ssh', 'sshd'],
    clues: [{ text: /OpenSSH_([0-9]{1,8}\.[0-9]{1,8}p[0-9]{1,8})/, near: 'OpenSSH_' }],
  },
  {
    id: 'glibc',
    name: 'glibc',
    files: ['libc.so.6'],
    clues: [
      { text: /GNU C Library \([^)]{1,60}\) stable release version ([0-9]{1,8}\.[0-9]{1,8})/, near: 'GNU C Library (' },
    ],
  },
  {
    id: 'zlib',
    name: 'zlib',
    files: { prefix: 'libz.so', pattern: /./ },
    clues: [{ text: / deflate ([0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8}){0,2}) Copyright/, near: ' deflate ' }],
  },
  {
    id: 'chrome',
    name: 'chrome',
    files: ['chrome'],
    clues: [{ text: /\x00([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00Default/, near: '\0Default' }],
  },
  {
    id: 'firefox',
    name: 'firefox',
    files: ['firefox', 'firefox.exe'],
    clues: [],
    lookup: { id: 'firefox-ini', folder: [''] },
  },
  {
    id: 'firefox-ini',
    name: 'firefox',
    files: ['application.ini'],
    hidden: true,
    clues: [
      {
        text: /(?:^|\n)Version=([0-9]{1,8}(?:\.[0-9]{1,8}){1,4}(?:[A-Za-z][0-9A-Za-z.-]{0,20})?)\r?(?:\n|$)/,
        before: ['Name=Firefox', 2000],
      },
    ],
  },
  {
    id: 'ffmpeg',
    name: 'ffmpeg',
    files: ['ffmpeg'],
    clues: [{ text: /%s version ([0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8})?)/, near: '%s version ' }],
  },
  {
    id: 'ffmpeg-library',
    name: 'ffmpeg',
    files: { prefix: 'libav', pattern: /^libav(?:codec|device|filter|format|resample|util)[^/]*$/ },
    clues: [
      { text: /FFmpeg version ([0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8})?)/, near: 'FFmpeg version ' },
      { text: /Lavc([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'Lavc' },
      { text: /Lavf([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'Lavf' },
    ],
  },
  {
    id: 'ffmpeg-resample',
    name: 'ffmpeg',
    files: { prefix: 'libswresample', pattern: /./ },
    clues: [{ text: /FFmpeg version ([0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8})?)/, near: 'FFmpeg version ' }],
  },
  {
    id: 'krb5',
    name: 'krb5',
    files: { prefix: 'libkrb5.so', pattern: /./ },
    clues: [
      {
        text: /\x00KRB5_BRAND:\s{1,8}krb5-[^\s]{1,40}\s{1,8}([0-9]{1,8}(?:\.[0-9]{1,8}){1,2})(?:\s|$)/,
        near: '\0KRB5_BRAND:',
      },
    ],
  },
  {
    id: 'heimdal',
    name: 'heimdal-krb5',
    files: { prefix: 'libkrb5.so', pattern: /./ },
    clues: [{ text: /\$Version:\s{1,8}Heimdal\s{1,8}([0-9]{1,8}(?:\.[0-9]{1,8}){1,2})(?:\s|$)/, near: '$Version:' }],
  },
]
