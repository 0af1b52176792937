declare module 'ajv-formats-draft2019' {
  const addFormats: unknown
  export default addFormats
}
