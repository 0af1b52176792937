export const id=8265;export const ids=[8265];export const modules={18265:(t,e,n)=>{function r(t){return`identity:${t}`}function o(t){return`receiver:${t}`}n.d(e,{K:()=>r,r:()=>o})}};
