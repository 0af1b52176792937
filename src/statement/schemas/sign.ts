import { formsOf } from './forms.ts'

/** cosign/sign/v1: the predicate is empty, and the statement's subject says everything. */
export const signForms = formsOf(({ object }) => object({}))
