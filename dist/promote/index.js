#!/usr/bin/env node
import { existsSync } from 'fs'

if (parseInt(process.versions.node, 10) >= 24) {
  import('../bundle/index.js')
    .then(function (bundle) {
      return bundle.start('action:promote', decodeURIComponent(new URL('../', import.meta.url).pathname))
    })
    .catch(function (error) {
      console.error(error)
      process.exitCode = 4
    })
} else {
  const own = decodeURIComponent(new URL('../../node_modules/.bin/node', import.meta.url).pathname)
  const remedy = existsSync(own) ? 'This clone has one: ' + own : 'Install Node 24 or newer and put it first on PATH.'
  console.error('needs Node 24: this is Node ' + process.versions.node + '. ' + remedy)
  process.exitCode = 2
}
