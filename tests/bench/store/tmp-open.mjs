import { openLocalStore } from "/work/main/packages/client/src/store/durable/open-local-store.ts";
import { nodeFileSystem } from "@graft/core/node";
import * as core from "@graft/core";
import { rmSync, mkdirSync,readdirSync,statSync,existsSync } from "node:fs";
const dir="/tmp/v/big"; 
const volumeId=core.toVolumeId(Uint8Array.of(0x80,...new Uint8Array(15)));
const pageSize=core.toPageSize(4096);
const N=2_600_000;
const sparse={...nodeFileSystem,open(path,mode){const f=nodeFileSystem.open(path,mode);if(!path.endsWith("/pages"))return f;let size=f.size();
 return {read:(t,o)=>f.read(t,o),write(b,o){const e=o+b.length;if(e>size){size=Math.ceil(e/2**26)*2**26;f.truncate(size);}},truncate(n){size=n;f.truncate(n)},size:()=>size,sync(){},close(){f.close()}};}};
const open=(o={})=>openLocalStore({fileSystem:nodeFileSystem,directory:dir,volumeId,...o});
let t=performance.now();
if(!existsSync(dir)){
let s=open({fileSystem:sparse});
s.applyRemote({lsn:core.toLsn(1n),pageCount:core.toPageCount(N),pageSize},new core.MutablePageSet());
let pin=s.pin(); const data=new Uint8Array(4096);
for(let i=1;i<=N;i++){s.putFetched(pin,i,data);}
pin.close();
s.close();
console.log("fill",((performance.now()-t)*1000/N).toFixed(2),"µs/page");}
for(const f of readdirSync(dir))console.log(f,statSync(dir+"/"+f).size);
for(let r=0;r<(+process.argv[2]||4);r++){t=performance.now();const s=open();console.log("open",(performance.now()-t).toFixed(0),"pages",s.usage().pages, process.memoryUsage().arrayBuffers/s.usage().pages);t=performance.now();s.close();console.log("close",(performance.now()-t).toFixed(0));}
