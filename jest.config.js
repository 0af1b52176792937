import { groupVariable, matchOf } from './scripts/test/groups.ts'

export default {
  testEnvironment: 'node',
  rootDir: import.meta.dirname,
  roots: ['<rootDir>/test', '<rootDir>/tools'],
  testMatch: matchOf(process.env[groupVariable] === 'slow' ? 'slow' : 'rules'),
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  testTimeout: 60_000,
  maxWorkers: 2,
  reporters: ['default', '<rootDir>/testkit/reporter.js'],
}
