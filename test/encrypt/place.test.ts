import { placeOf } from '../../src/tasks/encrypt/finish.ts'

/** TRUST §4: whoever listens on loopback of the job's machine gets the key, so it counts as a folder of the job does. */
test.each<[string | null, ReturnType<typeof placeOf>]>([
  [null, null],
  ['embedded:kbs', 'embedded'],
  ['https://kbs.example', 'external'],
  ['https://10.0.0.7:8080/kbs', 'external'],
  ['http://127.0.0.1:8080', 'loopback'],
  ['https://LOCALHOST', 'loopback'],
  ['https://evil.localhost:1', 'loopback'],
  ['http://2130706433:8080', 'loopback'],
  ['http://0x7f.1', 'loopback'],
  ['http://[::ffff:127.0.0.1]:80', 'loopback'],
  ['http://0.0.0.0:1', 'loopback'],
  ['no URL', 'loopback'],
])('the keys of %s go to: %s', (kbs, place) => {
  expect(placeOf(kbs)).toBe(place)
})
