/** The `format`s of the schemas that we read, as RFC 3339, 3986/3987 and 6531 have them. */
export const formats: Readonly<Record<string, (text: string) => boolean>> = {
  date: isDate,
  'date-time': (text) => {
    const split = /^(\d{4}-\d\d-\d\d)[Tt\s]([\s\S]*)$/.exec(text)
    return split !== null && isDate(split[1] ?? '') && isTime(split[2] ?? '')
  },
  uri: (text) => /^[a-z][a-z0-9+.-]*:/i.test(text) && isReference(text) && /^[\x21-\x7e]*$/.test(text),
  'iri-reference': isReference,
  'idn-email': (text) => /^(?:[^\s@"<>()]+|"[^"\n]+")@(?:[^\s@"<>()!#$%&*+/=?^`{|}~,;:]+|\[[^\s\]]+\])$/.test(text),
}

function isDate(text: string): boolean {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  if (parts === null) return false
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])]
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function isTime(text: string): boolean {
  const parts = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:z|[+-](\d\d):?(\d\d)?)$/i.exec(text)
  if (parts === null) return false
  const [hour, minute, second] = [Number(parts[1]), Number(parts[2]), Number(parts[3])]
  if (Number(parts[4] ?? 0) > 23 || Number(parts[5] ?? 0) > 59) return false
  return hour <= 23 && minute <= 59 && (second <= 59 || (second === 60 && minute === 59))
}

/** An IRI reference, absolute or relative: no space, no control character, none of the marks that RFC 3987 leaves out, escapes in hex. */
function isReference(text: string): boolean {
  return !/[\s\x00-\x1f\x7f<>"{}|\\^`]/.test(text) && !/%(?![0-9a-f]{2})/i.test(text)
}
