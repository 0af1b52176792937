import { findStatements } from '../../src/sign/find.ts'
import { publishableAnnotation } from '../../src/sign/publishable.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { planPromotion } from '../../src/tasks/promote/plan.ts'
import { parseFilter } from '../../src/tasks/promote/filter.ts'
import { job, stopAgents, type Job } from './job.ts'

afterEach(stopAgents)

/** Types that a promotion leaves behind, and the annotation of each. */
async function left({ published, image }: Job): Promise<(string | null)[]> {
  const plan = await planPromotion(published, image.digest, {
    rules: parseFilter({ include: [], exclude: [] }),
    internal: false,
  })
  const marks = plan.left.map(({ content }) => content.annotations?.[publishableAnnotation])
  expect(marks.every((mark) => mark === 'false')).toBe(true)
  return plan.left.map(({ descriptor }) => plan.facts.get(descriptor.digest)?.type ?? null)
}

test('an internal inventory stays inside with its document, and no .att tag shows it', async () => {
  const one = await job()
  await one.sign({ internal: 'inventory' })
  expect((await left(one)).length).toBe(2)
  expect(await left(one)).toContain(predicateTypes.inventory)
  const { descriptor } = await one.published.getManifest(one.image.digest)
  const places = (await findStatements(one.published, descriptor)).map(({ origin, predicateType }) => [
    origin,
    predicateType,
  ])
  expect(places).toContainEqual(['att', predicateTypes.spdx])
  expect(places).toContainEqual(['referrer', predicateTypes.inventory])
  expect(places).not.toContainEqual(['att', predicateTypes.inventory])
})

test('without the input everything goes along', async () => {
  const one = await job()
  await one.sign()
  expect(await left(one)).toEqual([])
})
