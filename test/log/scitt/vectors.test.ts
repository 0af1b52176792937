import { createPublicKey } from 'node:crypto'
import { judgeReceipt, judgeReceipts } from '../../../src/log/scitt/verify.ts'
import { parseReceipt } from '../../../src/log/scitt/receipt.ts'
import { readServiceKeys, type ScittService } from '../../../src/log/scitt/services.ts'
import { parseSign1 } from '../../../src/sign/cose/sign1.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { cose, coseFiles, coseJson } from '../../sign/cose/vectors.ts'

const go = 'cosesign1go/pkg/cosesign1'
const service = (name: string, keys: ScittService['keys']): ScittService => ({
  name,
  issuer: null,
  keys,
  entry: 'statement-sha256',
})
const keysOf = (path: string): ScittService => service(path, readServiceKeys(cose(path), path))
const statuses = (path: string, services: ScittService[]): string[] =>
  judgeReceipts(parseSign1(cose(path), path), services).map(({ status }) => status)

/** The keys that Microsoft's trust list names, by the ledgers' names. */
function trustList(): ScittService[] {
  const list = coseJson(`${go}/aci-cc-ttl.ttl.json`) as Record<string, unknown>
  return Object.entries(list).map(([name, set]) => ({
    ...service(name, readServiceKeys(Buffer.from(JSON.stringify(set)), name)),
    issuer: name,
  }))
}

withPeers([`vectors:cose/${go}`], 'receipts of real ledgers count, a grafted one is refused', () => {
  const ledgers = [keysOf(`${go}/esrp_db_ledger_pub_keys.json`), keysOf(`${go}/esrp_cp_ledger_pub_keys.json`)]
  expect(statuses(`${go}/esrp_transparent_hash_envelop.cose`, ledgers)).toEqual(['verified'])
  const grafted = judgeReceipts(parseSign1(cose(`${go}/esrp_with_grafted_receipt.cose`), 'it'), ledgers)
  expect(grafted).toMatchObject([{ status: 'refused', service: null }])
  expect(grafted[0]?.why).toMatch(/^receipt 0 of it is about the statement [0-9a-f]{64}, not [0-9a-f]{64}$/)
  return Promise.resolve()
})

withPeers([`vectors:cose/${go}`], 'the receipt of a trust list is judged by the keys of the list', () => {
  const [verdict] = judgeReceipts(parseSign1(cose(`${go}/aci-cc-ttl.ttl.cose`), 'it'), trustList())
  expect(verdict).toMatchObject({
    status: 'verified',
    service: 'esrp-cts-dev.confidential-ledger.azure.com',
    issuer: 'esrp-cts-dev.confidential-ledger.azure.com',
    registeredAt: new Date('2026-06-16T17:42:29Z'),
  })
  expect(statuses(`${go}/aci-cc-ttl.ttl.cose`, [])).toEqual(['unknown-service'])
  return Promise.resolve()
})

withPeers(
  ['vectors:cose/transmute', `vectors:cose/${go}`],
  'a receipt of an unknown tree does not spoil the one beside it',
  () => {
    const ledgers = [keysOf(`${go}/esrp_cp_ledger_pub_keys.json`)]
    expect(statuses('transmute/1ts-statement.scitt', ledgers)).toEqual(['verified'])
    expect(statuses('transmute/2ts-statement.scitt', ledgers)).toEqual(['verified', 'unsupported'])
    return Promise.resolve()
  },
)

withPeers(
  ['vectors:cose/datatrails', 'vectors:cose/scitt-ccf/test'],
  'receipts of earlier forms are unsupported',
  () => {
    expect(parseReceipt(cose('datatrails/tests/resources/scitt-receipt.cbor'), 'it')).toMatchObject({
      tree: 'unsupported',
      why: 'it names no tree in its protected header',
    })
    const [verdict] = judgeReceipts(parseSign1(cose('scitt-ccf/test/payloads/cts-hashv-cwtclaims-b64url.cose'), 'it'), [
      keysOf('scitt-ccf/test/transparent_statements/esrp-cts-db.json'),
    ])
    expect(verdict).toMatchObject({ status: 'unsupported', why: 'it has a form from before RFC 9942: no CBOR tag' })
    return Promise.resolve()
  },
)

withPeers(
  ['vectors:cose/scitt-cose'],
  'receipts of scitt-cose get their verdict, by the way in which its log hashes entries',
  () => {
    const paths = coseFiles('scitt-cose/test-vectors/v1/*/expected.json')
    for (const path of paths) {
      const folder = path.slice(0, -'/expected.json'.length)
      const expected = coseJson(path) as { receipt_valid: boolean }
      const log = service(folder, [{ kid: null, key: createPublicKey(cose(`${folder}/log-key.pub`)) }])
      const statement = parseSign1(cose(`${folder}/statement.cose`), folder)
      const receipt = cose(`${folder}/receipt.cose`)
      const judge = (one: ScittService): string => judgeReceipt(receipt, statement, [one], folder).status
      expect([folder, judge(log)]).toEqual([folder, expected.receipt_valid ? 'verified' : 'refused'])
      // CCF fixes its leaves; in a tree of RFC 9162 the other convention proves another entry.
      if (expected.receipt_valid && !folder.includes('ccf'))
        expect([folder, judge({ ...log, entry: 'statement' })]).toEqual([folder, 'refused'])
    }
    expect(paths.length).toBeGreaterThanOrEqual(6)
    return Promise.resolve()
  },
)

withPeers([`vectors:cose/${go}`], 'parameters of a CCF service hold the keys that its receipts name', () => {
  const path = 'scitt-ccf/test/transparent_statements/esrp-cts-db.json'
  expect(statuses(`${go}/esrp_transparent_hash_envelop.cose`, [keysOf(path)])).toHaveLength(1)
  expect(readServiceKeys(cose(path), path).length).toBeGreaterThanOrEqual(8)
  return Promise.resolve()
})
