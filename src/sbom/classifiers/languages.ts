import type { Classifier, Clue } from './types.ts'

const elixirVersion = String.raw`([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:-[a-z0-9]{1,20}(?:\.[0-9]{1,8})?)?)`
const juliaVersion = String.raw`([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:-(?:alpha|beta|rc)[0-9])?)`
const goVersion = /go([0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8}|(?:beta|alpha|rc)[0-9]{1,8}|-[_0-9a-z]{1,40})?)/

/** The full version stands alone between NULs and begins with the version in the file's name. */
function python(file: RegExp): Clue {
  return {
    text: (name) => {
      const short = file.exec(name)?.[1]
      return short === undefined ? null : new RegExp(`\\x00(${short.replaceAll('.', '\\.')}[-+._a-zA-Z0-9]{0,40})\\x00`)
    },
  }
}

const otp = String.raw`([0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8}){0,2}(?:-rc[0-9])?)`
const otpSources: readonly Clue[] = [
  { text: new RegExp(`/src/otp_src_${otp}/erts/`), near: '/otp_src_' },
  { text: new RegExp(`/usr/local/src/otp-${otp}/erts/`), near: '/src/otp-' },
]
const ruby: readonly Clue[] = [
  { text: /ruby ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:(?:p|preview|rc|dev)[0-9]{0,8})?) /, near: 'ruby ' },
]

/** Interpreters, compilers and run times of languages other than Java. */
export const languageClassifiers: readonly Classifier[] = [
  {
    id: 'python',
    name: 'python',
    files: { prefix: 'python', pattern: /^python[0-9.]*$/ },
    clues: [python(/^python([0-9]{1,8}(?:\.[0-9]{1,8}){1,4})$/)],
    lookup: { id: 'libpython', library: /^libpython[0-9]{1,8}(?:\.[0-9]{1,8}){1,4}[a-z]?\.so/ },
  },
  {
    id: 'libpython',
    name: 'python',
    files: { prefix: 'libpython', pattern: /^libpython[0-9]{1,8}(?:\.[0-9]{1,8}){1,4}[a-z]?\.so/ },
    clues: [python(/^libpython([0-9]{1,8}(?:\.[0-9]{1,8}){1,4})[a-z]?\.so/)],
  },
  {
    id: 'pypy',
    name: 'pypy',
    files: { prefix: 'libpypy', pattern: /\.so/ },
    clues: [{ text: /\[PyPy ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: '[PyPy ' }],
  },
  {
    id: 'go',
    name: 'go',
    files: ['go', 'go.exe'],
    clues: [{ text: /go([0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8}|(?:beta|alpha|rc)[0-9]{1,8})?)\x00/ }],
    lookup: { id: 'go-version', folder: ['', '..'] },
  },
  {
    id: 'go-version',
    name: 'go',
    files: { prefix: 'VERSION', pattern: /^VERSION/ },
    hidden: true,
    clues: [{ text: goVersion }],
  },
  {
    id: 'julia-internal',
    name: 'julia',
    files: { prefix: 'libjulia-internal.so', pattern: /./ },
    clues: [
      { text: new RegExp(`\\x00__init__\\x00${juliaVersion}\\x00(?:branch|verify_methods)`), near: '\0__init__\0' },
      { text: new RegExp(`${juliaVersion}\\x00branch\\x00`), near: '\0branch\0' },
      { text: new RegExp(`\\x00${juliaVersion}\\x00BigInt`), before: ['\0verify_methods\0', 60], near: '\0BigInt' },
      { text: new RegExp(`\\x00${juliaVersion}\\x00julia version`), near: '\0julia version' },
    ],
  },
  {
    id: 'julia',
    name: 'julia',
    files: ['julia'],
    clues: [],
    lookup: { id: 'libjulia', library: /^libjulia\.so(?:\.[0-9])?(?:\.[0-9])?$/ },
  },
  {
    id: 'libjulia',
    name: 'julia',
    files: { prefix: 'libjulia.so', pattern: /./ },
    hidden: true,
    clues: [
      { text: new RegExp(`\\x00${juliaVersion}\\x00julia version`), near: '\0julia version' },
      { text: new RegExp(`\\x00#kw#\\x00${juliaVersion}\\x00(?:BigInt|_require_dependencies)`), near: '\0#kw#\0' },
      { text: new RegExp(`\\x00ObjectIdDict\\x00${juliaVersion}\\x00jl_sysimg_cpu_target`), near: '\0ObjectIdDict\0' },
      { text: new RegExp(`\\x00require\\x00${juliaVersion}\\x00core2`), near: '\0require\0' },
    ],
  },
  {
    id: 'node',
    name: 'node',
    files: ['node'],
    clues: [
      { text: /\x00(?:node )?v((?:0|4|5|6)\.[0-9]{1,8}\.[0-9]{1,8})\x00/ },
      { text: /node\.js\/v([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'node.js/v' },
    ],
  },
  {
    id: 'perl',
    name: 'perl',
    files: ['perl'],
    clues: [
      { text: /\/usr\/local\/lib\/perl\d\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: '/lib/perl' },
      { text: /\/(?:lib|share)\/(?:[-_a-z0-9]{1,40}\/)?perl5?\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: '/perl' },
    ],
  },
  {
    id: 'composer',
    name: 'composer',
    files: { prefix: 'composer', pattern: /^composer(?:\.phar|-[0-9.]+|[0-9]*)?$/ },
    clues: [
      {
        text: /'pretty_version'\s{0,8}=>\s{0,8}'([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:(?:beta|alpha|RC)[0-9]{1,8})?)'/,
        near: "'pretty_version'",
      },
    ],
  },
  ...(['php-cli', 'php-fpm', 'libphp'] as const).map((name): Classifier => ({
    id: name,
    name,
    purl: { type: 'generic', name: name === 'libphp' ? 'php' : name },
    files:
      name === 'php-cli'
        ? { prefix: 'php', pattern: /^php[0-9.]*$/ }
        : name === 'php-fpm'
          ? { prefix: 'php-fpm', pattern: /./ }
          : { prefix: 'libphp', pattern: /\.so$/ },
    clues: [
      {
        text: /X-Powered-By: PHP\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:(?:beta|alpha|RC)[0-9]{1,8})?)/,
        near: 'X-Powered-By: PHP/',
      },
    ],
  })),
  {
    id: 'rust-std',
    name: 'rust',
    files: { prefix: 'libstd-', pattern: /^libstd-[^/]{16}\.(?:so|dylib)$/ },
    clues: [
      {
        text: /clang LLVM \(rustc version ([0-9]{1,8}(?:\.[0-9]{1,8}){1,2}) \(\w{1,40} \d{4}-\d{2}-\d{2}\)/,
        near: '(rustc version ',
      },
      { text: /rustc ([0-9]{1,8}(?:\.[0-9]{1,8}){1,2}) \(\w{1,40} \d{4}-\d{2}-\d{2}\)/, near: 'rustc ' },
      { text: /c ([0-9]{1,8}(?:\.[0-9]{1,8}){1,2}) \(\w{1,40} \d{4}-\d{2}-\d{2}\)/ },
    ],
  },
  {
    id: 'ruby',
    name: 'ruby',
    files: ['ruby'],
    clues: ruby,
    lookup: { id: 'libruby', library: /^libruby(?:-[0-9.]+)?\.so/ },
  },
  { id: 'libruby', name: 'ruby', files: { prefix: 'libruby', pattern: /\.so/ }, hidden: true, clues: ruby },
  { id: 'erlang', name: 'erlang', files: ['erlexec', 'liberts_internal.a'], clues: otpSources },
  {
    id: 'erlang-beam',
    name: 'erlang',
    files: ['beam.smp'],
    clues: [
      ...otpSources,
      { text: new RegExp(`\\x00${otp}\\x00{1,64}Erlang/OTP`), near: 'Erlang/OTP' },
      { text: new RegExp(`\\x00${otp}\\x00`), before: ['Erlang/OTP', 151], near: 'Erlang/OTP' },
    ],
  },
  {
    id: 'swipl',
    name: 'swipl',
    files: ['swipl'],
    clues: [{ text: /swipl-([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\//, near: 'swipl-' }],
  },
  {
    id: 'dart',
    name: 'dart',
    files: ['dart'],
    clues: [{ text: /\x00([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:-[0-9]{1,8}(?:\.[0-9]{1,8})?\.beta)?) / }],
  },
  {
    id: 'deno',
    name: 'deno',
    files: ['deno'],
    clues: [
      { text: /Deno\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})(?:Deno\/|cli\/)/, near: 'Deno/' },
      { text: /Deno\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'Deno/' },
      { text: /deno-canary\/[0-9a-z]{40}([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'deno-canary/' },
      { text: /deno-[0-9a-z]{40}release\/v([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'release/v' },
      { text: /deno-[0-9a-z]{40}([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'deno-' },
      { text: /([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})[0-9a-z]{40}DENO/, near: 'DENO' },
    ],
  },
  {
    id: 'bun',
    name: 'bun',
    files: ['bun'],
    clues: [
      { text: /[Bb]un v?([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'un ' },
      { text: /bun-([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'bun-' },
    ],
  },
  {
    id: 'ghc',
    name: 'haskell/ghc',
    purl: { type: 'generic', namespace: 'haskell', name: 'ghc' },
    files: { prefix: 'ghc', pattern: /^ghc(?:-[0-9.]+)?$/ },
    clues: [
      { text: /\x00GHC ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00/, near: '\0GHC ' },
      {
        text: /\x00libHSghc-([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})-(?:[a-zA-Z0-9]{1,40}-)?ghc[0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}\.so\x00/,
        near: '\0libHSghc-',
      },
    ],
  },
  {
    id: 'cabal',
    name: 'haskell/cabal',
    purl: { type: 'generic', namespace: 'haskell', name: 'cabal' },
    files: ['cabal'],
    clues: [
      { text: /\x00Cabal-([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8})?)-/, near: '\0Cabal-' },
      {
        text: /cabal-install-([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:\.[0-9]{1,8})?)-[a-zA-Z0-9]{1,40}\x00/,
        near: 'cabal-install-',
      },
    ],
  },
  {
    id: 'stack',
    name: 'haskell/stack',
    purl: { type: 'generic', namespace: 'haskell', name: 'stack' },
    files: ['stack'],
    clues: [{ text: /Version\s{0,8}([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}),\s{0,8}Git/, near: 'Version' }],
  },
  {
    id: 'elixir',
    name: 'elixir',
    files: ['elixir'],
    clues: [{ text: new RegExp(`ELIXIR_VERSION=${elixirVersion}`), near: 'ELIXIR_VERSION=' }],
  },
  {
    id: 'elixir-library',
    name: 'elixir',
    files: ['elixir.app'],
    path: /(?:^|\/)elixir\/ebin\/elixir\.app$/,
    clues: [{ text: new RegExp(`\\{vsn,"${elixirVersion}"\\}`), near: '{vsn,' }],
  },
]
