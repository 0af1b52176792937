/** The variable that names a registries.conf; without it no such file is read. */
export const registriesVariable = 'SEALWRIGHT_REGISTRIES_CONF'
