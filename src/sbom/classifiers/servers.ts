import type { Classifier, Clue } from './types.ts'

const release = String.raw`([0-9]{1,8}(?:\.[0-9]{1,8})?(?:\.[0-9]{1,8})?(?:(?:alpha|beta|rc)[0-9])?)`

/** A build folder whose name ends in the version. */
function folder(prefix: string, end = ''): Clue {
  return { text: new RegExp(`/${prefix}-${release}${end}`), near: `/${prefix}-` }
}

const cluster = folder('mysql-cluster-gpl', '/')

/** Databases, caches and web servers. */
export const serverClassifiers: readonly Classifier[] = [
  {
    id: 'redis',
    name: 'redis',
    files: ['redis-server'],
    clues: [
      { text: /[^\d](\d{1,19}\.\d{1,19}\.\d{1,19})buildkitsandbox-\d{1,19}/, near: 'buildkitsandbox-' },
      { text: /[^\d]([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\w{12}-\d{1,19}/ },
      { text: /Redis version ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'Redis version ' },
      { text: /\x00([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00/, has: 'Redis server v=%s sha=' },
    ],
  },
  {
    id: 'valkey',
    name: 'valkey',
    files: ['valkey-server'],
    clues: [{ text: /[^\d](\d{1,19}\.\d{1,19}\.\d{1,19})buildkitsandbox-\d{1,19}/, near: 'buildkitsandbox-' }],
  },
  {
    id: 'haproxy',
    name: 'haproxy',
    files: ['haproxy'],
    clues: [
      {
        text: /version ([0-9]{1,8}\.[0-9]{1,8}(?:\.|-dev|-rc)[0-9]{1,8})(?:-[a-z0-9]{7})?, released 20/,
        near: ', released 20',
      },
      { text: /HA-Proxy version ([0-9]{1,8}\.[0-9]{1,8}(?:\.|-dev)[0-9]{1,8})/, near: 'HA-Proxy version ' },
      {
        text: /([0-9]{1,8}\.[0-9]{1,8}(?:\.|-dev)[0-9]{1,8})-[0-9a-zA-Z]{7}/,
        after: ['HAProxy version', 400],
        near: 'HAProxy version',
      },
      {
        text: /\x00([0-9]{1,8}\.[0-9]{1,8}(?:\.|-dev)[0-9]{1,8})(?:-[-+.~0-9a-zA-Z]{1,40})?\x00/,
        has: 'HAProxy version',
      },
    ],
  },
  {
    id: 'httpd',
    name: 'httpd',
    files: ['httpd', 'apache2'],
    clues: [{ text: /Apache\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'Apache/' }],
  },
  {
    id: 'memcached',
    name: 'memcached',
    files: ['memcached'],
    clues: [{ text: /memcached\s([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'memcached' }],
  },
  {
    id: 'nginx',
    name: 'nginx',
    files: ['nginx'],
    clues: [
      {
        text: /[\x00?]nginx version: [^/]{1,40}\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:\+\d{1,19})?(?:-\d{1,19})?)/,
        near: 'nginx version: ',
      },
    ],
  },
  {
    id: 'lighttpd',
    name: 'lighttpd',
    files: ['lighttpd'],
    clues: [{ text: /\x00lighttpd\/([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})[\x00 ]/, near: '\0lighttpd/' }],
  },
  {
    id: 'proftpd',
    name: 'proftpd',
    files: ['proftpd'],
    clues: [{ text: /\x00ProFTPD Version ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}[a-z]?)\x00/, near: '\0ProFTPD Version ' }],
  },
  {
    id: 'arangodb',
    name: 'arangodb',
    files: ['arangosh'],
    clues: [
      { text: /([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:-[0-9]{1,8})?)\s(?:enterprise\s)?\[linux\]/, near: '[linux]' },
    ],
  },
  {
    id: 'postgresql',
    name: 'postgresql',
    files: ['postgres'],
    clues: [
      {
        text: /[\x00?]PostgreSQL ([0-9]{1,8}(?:\.[0-9]{1,8})?(?:\.[0-9]{1,8})?(?:(?:alpha|beta|rc)[0-9])?)/,
        near: 'PostgreSQL ',
      },
    ],
  },
  {
    id: 'mysql',
    name: 'mysql',
    files: ['mysql'],
    clues: [{ text: new RegExp(`\\x00${release}\\x00{1,64}mysql`), near: 'mysql' }, folder('mysql')],
  },
  { id: 'percona-server', name: 'percona-server', files: ['mysql'], clues: [folder('percona-server')] },
  {
    id: 'percona-xtradb-cluster',
    name: 'percona-xtradb-cluster',
    files: ['mysql'],
    clues: [folder('Percona-XtraDB-Cluster')],
  },
  {
    id: 'mysql-server-of-cluster',
    name: 'mysql-server',
    files: ['mysqld'],
    clues: [{ text: /cluster-gpl\x00([0-9]{1,8}(?:\.[0-9]{1,8}){0,2})-ndb-[0-9]{1,8}/, near: 'cluster-gpl\0' }],
  },
  {
    id: 'mysql-cluster-legacy',
    name: 'mysql-cluster',
    files: ['mysqld'],
    group: 'mysqld',
    clues: [
      {
        text: /cluster-gpl\x00[0-9]{1,8}(?:\.[0-9]{1,8}){0,2}-ndb-([0-9]{1,8}(?:\.[0-9]{1,8}){0,2})/,
        near: 'cluster-gpl\0',
      },
    ],
  },
  { id: 'mysqld-cluster', name: 'mysql-cluster', files: ['mysqld'], group: 'mysqld', clues: [cluster] },
  { id: 'mysqld', name: 'mysql-server', files: ['mysqld'], group: 'mysqld', clues: [folder('mysql', '/')] },
  { id: 'mysql-cluster', name: 'mysql-cluster', files: ['ndbd', 'ndbmtd', 'ndb_mgmd'], clues: [cluster] },
  {
    id: 'xtrabackup',
    name: 'percona-xtrabackup',
    files: ['xtrabackup'],
    // A folder of the series (`percona-xtrabackup-8.0`) may stand before that of the release.
    clues: [
      { text: /\/percona-xtrabackup-([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: '/percona-xtrabackup-' },
      folder('percona-xtrabackup'),
    ],
  },
  {
    id: 'mariadb',
    name: 'mariadb',
    files: ['mariadb', 'mysql', 'mariadbd'],
    clues: [
      { text: new RegExp(`${release}-MariaDB`), near: '-MariaDB' },
      { text: new RegExp(`(?:^|[/\\n])mariadb-${release}-`), near: 'mariadb-' },
    ],
  },
  {
    id: 'mongodb',
    name: 'mongodb',
    files: ['mongod'],
    clues: [
      { text: /([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00tcmalloc/, near: '\0tcmalloc' },
      { text: /([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00{1,64}heap_size/, near: '\0heap_size' },
      { text: /([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00{1,64}cppdefines/, near: '\0cppdefines' },
    ],
  },
  {
    id: 'openldap',
    name: 'openldap',
    files: ['ldapsearch', 'slapd'],
    clues: [{ text: /\$OpenLDAP:\s(?:ldapsearch|slapd)\s([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: '$OpenLDAP:' }],
  },
  {
    id: 'fluent-bit',
    name: 'fluent-bit',
    purl: { type: 'github', namespace: 'fluent', name: 'fluent-bit' },
    files: ['fluent-bit'],
    clues: [
      { text: /\x00([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00(?:\x1b\[1m\x00|\x00{1,2})?(?:%s)?Fluent/, near: 'Fluent' },
    ],
  },
]
