export const id=7064;export const ids=[7064];export const modules={7064:(t,n,e)=>{e.r(n),e.d(n,{agentStop:()=>a});var o=e(9270),r=e(8563);async function a({state:t,ports:n}){let e=await (0,o.UJ)(t.directory),i=null===e?null:await (0,r.jq)(e,n);await i?.client.stop();let s=null!==i;return{outputs:{stopped:String(s)},text:s?"agent stopped\n":`no agent runs in ${t.directory}
`}}}};
