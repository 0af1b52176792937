export const id=703;export const ids=[703];export const modules={50703:(o,t,e)=>{e.d(t,{_:()=>s});let s="SEALWRIGHT_REGISTRIES_CONF"}};
