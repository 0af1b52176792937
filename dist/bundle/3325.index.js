export const id=3325;export const ids=[3325];export const modules={3325:(t,o,e)=>{e.d(o,{t:()=>n});function n(t){let o={...t};return Object.setPrototypeOf(o,null),o}}};
