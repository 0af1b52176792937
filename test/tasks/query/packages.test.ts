import { packageMatcher } from '../../../src/tasks/query/packages.ts'

test.each([
  ['pkg:npm/left-pad', 'pkg:npm/left-pad@1.3.0', 'yes'],
  ['pkg:npm/left-pad', 'pkg:npm/left-pads@1.3.0', 'no'],
  ['pkg:npm/core', 'pkg:npm/%40babel/core@7.0.0', 'no'],
  ['pkg:npm/@babel/core', 'pkg:npm/%40babel/core@7.0.0', 'yes'],
  ['pkg:npm/@babel/*', 'pkg:npm/%40babel/core@7.0.0', 'yes'],
  ['pkg:npm/left-pad@1.3.0', 'pkg:npm/left-pad@1.3.0', 'yes'],
  ['pkg:npm/left-pad@1.3.0', 'pkg:npm/left-pad@1.3.1', 'no'],
  ['pkg:npm/left-pad@1.*', 'pkg:npm/left-pad@1.3.1', 'yes'],
  ['pkg:npm/left-pad@>=1.2,<1.10', 'pkg:npm/left-pad@1.9.0', 'yes'],
  ['pkg:npm/left-pad@>=1.2.0,<1.10.0', 'pkg:npm/left-pad@1.10.0', 'no'],
  ['pkg:npm/left-pad@<=1.10.0', 'pkg:npm/left-pad@1.10.0', 'yes'],
  ['pkg:npm/left-pad@>1.10.0', 'pkg:npm/left-pad@1.10.0', 'no'],
  ['pkg:deb/openssl@<3.0.14', 'pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64', 'yes'],
  ['pkg:deb/debian/openssl@<3.0.14', 'pkg:deb/ubuntu/openssl@3.0.11', 'no'],
  ['pkg:deb/debian/openssl?arch=arm64', 'pkg:deb/debian/openssl@3.0.11?arch=amd64', 'no'],
  ['pkg:deb/debian/openssl?arch=amd64', 'pkg:deb/debian/openssl@3.0.11?arch=amd64&distro=debian-12', 'yes'],
  ['pkg:pypi/PyYAML', 'pkg:pypi/pyyaml@6.0', 'yes'],
  ['pkg:pypi/ruamel_yaml', 'pkg:pypi/ruamel.yaml@0.18', 'yes'],
  // A version without an order, and none at all, may lie in the range.
  ['pkg:npm/left-pad@<2.0.0', 'pkg:npm/left-pad@latest', 'unknown'],
  ['pkg:npm/left-pad@<2.0.0', 'pkg:npm/left-pad', 'unknown'],
  ['pkg:npm/left-pad', 'pkg:npm/%zz', 'unknown'],
  ['pkg:npm/left-pad', 'pkg:deb/%zz', 'no'],
])('%s asks of %s: %s', (wanted, purl, match) => {
  expect(packageMatcher(wanted)(purl)).toBe(match)
})
