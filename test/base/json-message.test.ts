import { parseJson } from '../../src/base/json.ts'

test('a message about invalid JSON is one line, whatever stands in the file', () => {
  for (const text of ['x\n::error::forged', 'h\r\nx', '\u001b[31m', '"\u0000']) {
    let message = ''
    try {
      parseJson(text, 'report.json', 'input')
    } catch (error) {
      message = (error as { message: string }).message
    }
    expect(message).toMatch(/^report\.json is not valid JSON: /)
    expect(message).not.toMatch(/\p{Cc}/u)
  }
})
