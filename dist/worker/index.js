#!/usr/bin/env node
if (parseInt(process.versions.node, 10) >= 24) {
  import('../bundle/index.js')
    .then(function (bundle) {
      return bundle.start('worker', decodeURIComponent(new URL('../', import.meta.url).pathname))
    })
    .catch(function (error) {
      console.error(error)
      process.exitCode = 4
    })
} else {
  console.error('needs Node 24: this is Node ' + process.versions.node + '. Install Node 24 or newer and put it first on PATH.')
  process.exitCode = 2
}
