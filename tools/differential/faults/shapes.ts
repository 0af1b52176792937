/** What Intel's quoting enclave puts there: 32 bytes. dcap-qvl takes no other length. */
export const enclaveAuthData = Buffer.from([...Array(32).keys()])

/** Features of a usual TD: x87, SSE, AVX, AVX-512, PKRU, CET and AMX. go-tdx-guest demands the first two. */
export const xfam = 0x618e7n
