export const id=6247;export const ids=[6247,6280,3899];export const modules={46280:(t,e,i)=>{i.d(e,{l:()=>n});var a=i(27122);function n(t,e){try{return e()}catch(e){if(!(e instanceof a.mk))throw e;throw new a.dz("file-invalid",`${t}: ${e.message}`,{subject:t,cause:e,remedy:e.remedy??"Give the file as its maker wrote it."})}}},6247:(t,e,i)=>{i.r(e),i.d(e,{guestPod:()=>$});var a=i(27122),n=i(73345);let r=/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,o=/^kata(-[a-z0-9]+)*$/,s=/^(?:-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,76}\n)+-----END CERTIFICATE-----\n)+$/;function l(t,e){let i=`${t.replaceAll(`\r
`,`
`).trim()}
`;if(s.test(i))return`"""
${i}"""`;throw new a.dz("file-invalid",`${e}: is not one or more PEM blocks "CERTIFICATE" and nothing else`,{subject:e,remedy:"Give the certificates as PEM, without text between them."})}var c=i(28134),u=i(41213),d=i(38418),m=i(52392),h=i(46280),f=i(14623),g=i(60296),w=i(45519),p=i(22979);async function $(t,{ports:e}){let{name:i,digest:s}=await (0,p.Y)(t,e),l=await k(t),c=`${i}@${s}`,d=t.text("name"),m=function({name:t,image:e,runtimeClass:i,initdata:s}){if(!r.test(t))throw new a.dz("input-invalid",`name: "${t}" is not a name of a container`,{subject:"name",remedy:"Use up to 63 lower-case letters, digits and dashes, a letter or digit at both ends."});if(!o.test(i))throw new a.dz("input-invalid",`runtime-class: "${i}" is not a runtime class of Kata Containers`,{subject:"runtime-class",remedy:"Use the class of the hardware: kata-qemu-snp, kata-qemu-tdx, kata-remote, or kata-qemu-coco-dev without hardware."});if(!/^[^\s"\\]+@sha256:[0-9a-f]{64}$/.test(e))throw Error(`${e} has no digest`);return`apiVersion: v1
kind: Pod
metadata:
  name: "${t}"
  annotations:
    ${n.ir}: "${s}"
spec:
  runtimeClassName: "${i}"
  automountServiceAccountToken: false
  enableServiceLinks: false
  containers:
    - name: "${t}"
      image: "${e}"
`}({name:""===d?(i.split("/").at(-1)??"").replaceAll(/[^a-z0-9]+/g,"-").slice(0,63):d,image:c,runtimeClass:t.required("runtime-class"),initdata:l.annotation}),h=(0,u.Ls)(l.bytes,"initdata").files.get("policy.rego");void 0!==h&&(0,w.checkPodPolicy)(h,c,t);let g=void 0!==h?[]:["the initdata has no policy.rego: the guest allows what the agent policy of its own image allows: give --agent-policy (docs/initdata.md)"];for(let t of g)e.log.warn(t);let y=""===t.text("initdata-output")?"":await (0,f.S)(t,"initdata-output",l.bytes),b=""===t.text("output")?"":await (0,f.S)(t,"output",m);return{outputs:{image:c,path:b,initdata:{path:y,algorithm:l.algorithm,digest:l.digest},notes:g},text:""===b?m:`${b}: ${c}
initdata: ${l.algorithm} ${l.digest}
`}}let y=["kbs-url","kbs-cert","registry-ca","agent-policy","policy-uri"];async function k(t){let e=y.filter(e=>""!==t.text(e));if(""!==t.text("initdata")){if(e.length>0)throw new a.dz("input-invalid",`\`initdata\` is a whole document, so \`${e[0]}\` has no effect`,{subject:"initdata",remedy:"Give either the document or what it is to be made of."});let i=await (0,g.qj)(t,"initdata");return(0,h.l)("initdata",()=>(0,c.H)(i))}let i=async e=>""===t.text(e)?null:(await (0,g.qj)(t,e)).toString("utf8"),n=""===t.text("policy-uri")?d.Rz:t.text("policy-uri");(0,m.parseKbsUri)(n);let r=await i("registry-ca");return(0,c.t)(function(t){let{kbsUrl:e,kbsCertificate:i,policyUri:a,registryAuthorities:n,agentPolicy:r}=t,o=JSON.stringify(e),s=t=>null===i?[]:[`${t} = ${l(i,"kbs-cert")}`],c=n.map(t=>l(t,"registry-ca")),u=["[token_configs]","[token_configs.kbs]",`url = ${o}`,...s("cert")],d=['socket = "unix:///run/confidential-containers/cdh.sock"',"credentials = []","","[kbc]",'name = "cc_kbc"',`url = ${o}`,...s("kbs_cert"),"","[image]",`image_security_policy_uri = ${JSON.stringify(a)}`,...0===c.length?[]:[`extra_root_certificates = [${c.join(", ")}]`]];return new Map([["aa.toml",`${u.join(`
`)}
`],["cdh.toml",`${d.join(`
`)}
`],...null===r?[]:[["policy.rego",r]]])}({kbsUrl:(0,m.C)(t.required("kbs-url"),"kbs-url"),kbsCertificate:await i("kbs-cert"),policyUri:n,registryAuthorities:null===r?[]:[r],agentPolicy:await i("agent-policy")}))}}};
