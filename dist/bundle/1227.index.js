export const id=1227;export const ids=[1227];export const modules={81227:(o,t,n)=>{n.d(t,{h:()=>s});function s(o,t,n=`${t}s`){return`${o} ${1===o?t:n}`}}};
