/** What the files of a model or dataset say of it. A member that no file states is absent: nothing is derived from names or guessed. */
export interface ModelFacts {
  /** Architecture, as the header of the weights or `config.json` names it: `llama`, `LlamaForCausalLM`. */
  architecture?: string | undefined
  /** Family of architectures (`model_type` of `config.json`). */
  family?: string | undefined
  /** Task that its card names (`pipeline_tag`). */
  task?: string | undefined
  /** Licence as its card or header writes it. */
  licence?: string | undefined
  /** Names of the datasets that its card lists. */
  datasets?: string[] | undefined
  /** Name of the model that it was made from (`base_model`). */
  baseModels?: string[] | undefined
  /** Languages that its card lists. */
  languages?: string[] | undefined
  /** Further facts of the headers, each a name and a value, in a fixed order: `quantization`, `parameters`. */
  properties: [name: string, value: string][]
}
