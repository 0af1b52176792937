/** AMD's Key Distribution Service (AMD 57230). */
export const amdService = 'https://kdsintf.amd.com'
/** Intel's Provisioning Certification Service, API v4. */
export const intelService = 'https://api.trustedservices.intel.com'
/** The revocation list of Intel's root lies elsewhere than the rest. */
export const intelRootList = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'
