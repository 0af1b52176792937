export const id=8741;export const ids=[8741];export const modules={38741:(o,t,e)=>{e.d(t,{version:()=>s});let s="0.1.0"}};
