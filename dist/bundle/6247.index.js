export const id=6247;export const ids=[6247];export const modules={6247:(t,e,i)=>{i.r(e),i.d(e,{guestPod:()=>y});var a=i(27122),n=i(73345);let r=/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,s=/^kata(-[a-z0-9]+)*$/,o=/^(?:-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,76}\n)+-----END CERTIFICATE-----\n)+$/;function l(t,e){let i=`${t.replaceAll(`\r
`,`
`).trim()}
`;if(o.test(i))return`"""
${i}"""`;throw new a.dz("file-invalid",`${e}: is not one or more PEM blocks "CERTIFICATE" and nothing else`,{subject:e,remedy:"Give the certificates as PEM, without text between them."})}var c=i(28134),u=i(41213),d=i(37445),m=i(38418),g=i(52392),h=i(46280),f=i(14623),w=i(60296),p=i(5532);async function y(t,{ports:e}){let{name:i,digest:o}=await $(t,e),l=await k(t),c=`${i}@${o}`,d=t.text("name"),m=function({name:t,image:e,runtimeClass:i,initdata:o}){if(!r.test(t))throw new a.dz("input-invalid",`name: "${t}" is not a name of a container`,{subject:"name",remedy:"Use up to 63 lower-case letters, digits and dashes, a letter or digit at both ends."});if(!s.test(i))throw new a.dz("input-invalid",`runtime-class: "${i}" is not a runtime class of Kata Containers`,{subject:"runtime-class",remedy:"Use the class of the hardware: kata-qemu-snp, kata-qemu-tdx, kata-remote, or kata-qemu-coco-dev without hardware."});if(!/^[^\s"\\]+@sha256:[0-9a-f]{64}$/.test(e))throw Error(`${e} has no digest`);return`apiVersion: v1
kind: Pod
metadata:
  name: "${t}"
  annotations:
    ${n.ir}: "${o}"
spec:
  runtimeClassName: "${i}"
  automountServiceAccountToken: false
  enableServiceLinks: false
  containers:
    - name: "${t}"
      image: "${e}"
`}({name:""===d?(i.split("/").at(-1)??"").replaceAll(/[^a-z0-9]+/g,"-").slice(0,63):d,image:c,runtimeClass:t.required("runtime-class"),initdata:l.annotation}),g=(0,u.Ls)(l.bytes,"initdata").files.has("policy.rego")?[]:["the initdata has no policy.rego: the guest allows what the agent policy of its own image allows (docs/guests.md)"];for(let t of g)e.log.warn(t);let h=""===t.text("initdata-output")?"":await (0,f.S)(t,"initdata-output",l.bytes),w=""===t.text("output")?"":await (0,f.S)(t,"output",m);return{outputs:{image:c,path:w,initdata:{path:h,algorithm:l.algorithm,digest:l.digest},notes:g},text:""===w?m:`${w}: ${c}
initdata: ${l.algorithm} ${l.digest}
`}}async function $(t,e){let{store:i,descriptor:n}=await (0,d.A)(t.required("image"),e),r=(0,p.w)(t,e)??("registry"===i.kind?i.identity:null);if(null!==r)return{name:r,digest:n.digest};throw new a.dz("input-missing","a pod pulls from a registry, and the image lies in none",{subject:"as",remedy:"Give --as HOST/NAME, where the image will be published."})}let b=["kbs-url","kbs-cert","registry-ca","agent-policy","policy-uri"];async function k(t){let e=b.filter(e=>""!==t.text(e));if(""!==t.text("initdata")){if(e.length>0)throw new a.dz("input-invalid",`\`initdata\` is a whole document, so \`${e[0]}\` has no effect`,{subject:"initdata",remedy:"Give either the document or what it is to be made of."});let i=await (0,w.qj)(t,"initdata");return(0,h.l)("initdata",()=>(0,c.H)(i))}let i=async e=>""===t.text(e)?null:(await (0,w.qj)(t,e)).toString("utf8"),n=""===t.text("policy-uri")?m.Rz:t.text("policy-uri");(0,g.parseKbsUri)(n);let r=await i("registry-ca");return(0,c.t)(function(t){let{kbsUrl:e,kbsCertificate:i,policyUri:a,registryAuthorities:n,agentPolicy:r}=t,s=JSON.stringify(e),o=t=>null===i?[]:[`${t} = ${l(i,"kbs-cert")}`],c=n.map(t=>l(t,"registry-ca")),u=["[token_configs]","[token_configs.kbs]",`url = ${s}`,...o("cert")],d=['socket = "unix:///run/confidential-containers/cdh.sock"',"credentials = []","","[kbc]",'name = "cc_kbc"',`url = ${s}`,...o("kbs_cert"),"","[image]",`image_security_policy_uri = ${JSON.stringify(a)}`,...0===c.length?[]:[`extra_root_certificates = [${c.join(", ")}]`]];return new Map([["aa.toml",`${u.join(`
`)}
`],["cdh.toml",`${d.join(`
`)}
`],...null===r?[]:[["policy.rego",r]]])}({kbsUrl:(0,g.C)(t.required("kbs-url"),"kbs-url"),kbsCertificate:await i("kbs-cert"),policyUri:n,registryAuthorities:null===r?[]:[r],agentPolicy:await i("agent-policy")}))}}};
