import { table } from '../base/table.ts'

/**
 * What metadata writes for a licence, in lower case and without punctuation, and SPDX's identifier. Only names that mean one licence in one
 * version: `BSD` or `GPL` alone does not.
 */
const names: Readonly<Record<string, string>> = table({
  'apache 2': 'Apache-2.0',
  'apache 2 0': 'Apache-2.0',
  'apache license 2 0': 'Apache-2.0',
  'apache license version 2 0': 'Apache-2.0',
  'the apache license version 2 0': 'Apache-2.0',
  'the apache software license version 2 0': 'Apache-2.0',
  'apache software license version 2 0': 'Apache-2.0',
  'apache software license 2 0': 'Apache-2.0',
  'mit license': 'MIT',
  'the mit license': 'MIT',
  'the mit license mit': 'MIT',
  'mit license mit': 'MIT',
  mit: 'MIT',
  'expat license': 'MIT',
  'isc license': 'ISC',
  'isc license iscl': 'ISC',
  isc: 'ISC',
  'zlib libpng license': 'Zlib',
  'bsd 2 clause': 'BSD-2-Clause',
  'bsd 2 clause license': 'BSD-2-Clause',
  'simplified bsd license': 'BSD-2-Clause',
  'bsd 3 clause': 'BSD-3-Clause',
  'bsd 3 clause license': 'BSD-3-Clause',
  'new bsd license': 'BSD-3-Clause',
  'modified bsd license': 'BSD-3-Clause',
  'the bsd 3 clause license': 'BSD-3-Clause',
  'the new bsd license': 'BSD-3-Clause',
  'mozilla public license 2 0': 'MPL-2.0',
  'mozilla public license 2 0 mpl 2 0': 'MPL-2.0',
  'mozilla public license version 2 0': 'MPL-2.0',
  'mpl 2 0': 'MPL-2.0',
  'gnu general public license v2 gplv2': 'GPL-2.0-only',
  'gnu general public license v2 or later gplv2': 'GPL-2.0-or-later',
  'gnu general public license v3 gplv3': 'GPL-3.0-only',
  'gnu general public license v3 or later gplv3': 'GPL-3.0-or-later',
  'gnu lesser general public license v2 lgplv2': 'LGPL-2.0-only',
  'gnu lesser general public license v2 or later lgplv2': 'LGPL-2.0-or-later',
  'gnu lesser general public license v3 lgplv3': 'LGPL-3.0-only',
  'gnu lesser general public license v3 or later lgplv3': 'LGPL-3.0-or-later',
  'gnu affero general public license v3': 'AGPL-3.0-only',
  'gnu affero general public license v3 or later agplv3': 'AGPL-3.0-or-later',
  'gnu lesser general public license v2 1': 'LGPL-2.1-only',
  'gnu lesser general public license version 2 1': 'LGPL-2.1-only',
  'eclipse public license v1 0': 'EPL-1.0',
  'eclipse public license 1 0': 'EPL-1.0',
  'eclipse public license 1 0 epl 1 0': 'EPL-1.0',
  'eclipse public license v2 0': 'EPL-2.0',
  'eclipse public license 2 0': 'EPL-2.0',
  'eclipse public license 2 0 epl 2 0': 'EPL-2.0',
  'european union public licence 1 2 eupl 1 2': 'EUPL-1.2',
  'python software foundation license': 'PSF-2.0',
  'psf license': 'PSF-2.0',
  'the unlicense': 'Unlicense',
  'the unlicense unlicense': 'Unlicense',
  'boost software license 1 0': 'BSL-1.0',
  'boost software license 1 0 bsl 1 0': 'BSL-1.0',
  'cc0 1 0 universal cc0 1 0 public domain dedication': 'CC0-1.0',
  'artistic license 2 0': 'Artistic-2.0',
  'mit no attribution license mit 0': 'MIT-0',
  'bsd zero clause license': '0BSD',
  'universal permissive license upl': 'UPL-1.0',
  'postgresql license': 'PostgreSQL',
  'historical permission notice and disclaimer hpnd': 'HPND',
  wtfpl: 'WTFPL',
  'do what the fuck you want to public license': 'WTFPL',
  'php license 3 01': 'PHP-3.01',
  'php 3 01': 'PHP-3.01',
  'gpl 2': 'GPL-2.0-only',
  'gpl v2': 'GPL-2.0-only',
  gplv2: 'GPL-2.0-only',
  'gplv2+': 'GPL-2.0-or-later',
  'gpl 3': 'GPL-3.0-only',
  gplv3: 'GPL-3.0-only',
  'gplv3+': 'GPL-3.0-or-later',
  'lgpl 2 1': 'LGPL-2.1-only',
  'lgplv3+': 'LGPL-3.0-or-later',
  'lgplv2+': 'LGPL-2.0-or-later',
})

/** SPDX's identifier for a licence's usual name, or null. */
export function licenceByName(name: string): string | null {
  if (name.length > 200) return null
  const key = name
    .toLowerCase()
    .replace(/[^a-z0-9+]+/g, ' ')
    .trim()
  const found = Object.hasOwn(names, key) ? names[key] : undefined
  return found ?? null
}
