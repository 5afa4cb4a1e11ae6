import { openLocalStore } from "/work/main/packages/client/src/store/durable/open-local-store.ts";
import { nodeFileSystem } from "@graft/core/node";
import * as core from "@graft/core";
import { rmSync, mkdirSync } from "node:fs";
const dir="/tmp/v/store"; rmSync(dir,{recursive:true,force:true});
const volumeId=core.toVolumeId(Uint8Array.of(0x80,...new Uint8Array(15)));
const pageSize=core.toPageSize(4096);
const N=50000;
const open=(o={})=>openLocalStore({fileSystem:nodeFileSystem,directory:dir,volumeId,...o});
let s=open();
s.applyRemote({lsn:core.toLsn(1n),pageCount:core.toPageCount(N),pageSize},new core.MutablePageSet());
let pin=s.pin(); const data=new Uint8Array(4096);
let t=performance.now();
for(let i=1;i<=N;i++){data.fill(i&255);data[0]=i>>8;s.putFetched(pin,i,data);}
pin.close();
console.log("fill",((performance.now()-t)*1000/N).toFixed(2),"µs/page");
s.close(); t=performance.now(); s=open({memoryCacheSize:Number(process.argv[2]??0)}); console.log("open",performance.now()-t);
pin=s.pin();const target=new Uint8Array(4096);
const rounds=Number(process.argv[3]??5);
for(let r=0;r<rounds;r++){t=performance.now();let c=0;
for(let i=1;i<=N;i++) if(s.read(pin,i,target)==="page")c++;
const a=(performance.now()-t)*1000/N; t=performance.now();
for(let i=1;i<=N;i++) if(s.read(pin,(Math.imul(i,0x9e3779b1)>>>0)%N+1,target)==="page")c++;
console.log("seq",a.toFixed(2),"rand",((performance.now()-t)*1000/N).toFixed(2),c);}
s.close();
