export const id=7064;export const ids=[7064];export const modules={47064:(t,n,o)=>{o.r(n),o.d(n,{agentStop:()=>l});var e=o(51455),r=o(76760),i=o(79270),a=o(56310);async function l({state:t,ports:n}){let o=await (0,i.UJ)(t.directory),s=null===o?null:await (0,a.jq)(o,n);await s?.client.stop(),null!==s&&await (0,e.rm)((0,r.join)(t.directory,i.ru),{force:!0});let u=null!==s;return{outputs:{stopped:String(u)},text:u?`agent stopped
`:`no agent runs in ${t.directory}
`}}}};
