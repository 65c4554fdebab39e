import json
from exchange.actors import *
def test_probe(site):
    site.let_in({"owner": Actor("per_x","org_x",frozenset({"owner"})),"reg":Actor("per_r","org_r",frozenset({"regulator"}))})
    c=site.client()
    h={"Authorization":"Bearer owner","Accept-Language":"en"}
    B="/api/v1"
    def go(m,p,**k):
        k.setdefault("headers",h)
        r=c.open(p,method=m,**k); print(m,p[:60],r.status_code,r.mimetype,r.text[:300].replace("\n"," ")); return r
    go("GET",B+"/products/%00"); go("GET",B+"/products?cursor=%00"); go("GET",B+"/vouchers/%00")
    go("POST",B+"/sessions",data='{"email":"a@b.cc","password":"x\\u0000"}',content_type="application/json")
    go("POST",B+"/sessions",data='{"email":"a@b.cc","password":"x\\ud800"}',content_type="application/json")
    go("POST",B+"/sessions",data='['*100000,content_type="application/json")
    go("POST",B+"/sessions",data='{"email":'+'1'*5000+'}',content_type="application/json")
    go("POST",B+"/sessions",data='{"email":',content_type="application/json")
    go("POST",B+"/sessions",data=b'\xff\xfe',content_type="application/json")
    go("POST",B+"/sessions",data='a=b',content_type="application/x-www-form-urlencoded")
    go("POST",B+"/sessions",data='[]',content_type="application/json")
    go("POST",B+"/sessions",json={"email":"a","password":"","x":1})
    go("POST",B+"/products",json={"title":{"zh":"a\0","en":"b"}})
    go("POST",B+"/members",json={"organisation":{"kind":"company","name":"a","number":"9","territory":"CN","overseas_control":False},"person_name":"a\0","email":"a@b.cc","password":"x"*20})
    go("POST",B+"/sessions",json={"email":"a@b.cc","password":"x"*20},headers=h|{"Idempotency-Key":"x"*10000})
    import base64
    for v in (["x"],[1],[None],[True],["\0"],[10**30],["2020-01-01"],["x","y"],{},"a"):
        cur=base64.urlsafe_b64encode(json.dumps(v).encode()).decode().rstrip("=")
        for p in ("/products","/orders","/catalogue-records","/declarations","/deposits","/agreements","/identity-cases"):
            r=c.get(B+p+"?cursor="+cur,headers=h)
            if r.status_code!=422: print(p,v,r.status_code,r.text[:100])
    go("GET",B+"/journal/entries?purpose=a&subject=%00",headers=h|{"Authorization":"Bearer reg"})
    go("GET",B+"/products?limit=0"); go("GET",B+"/products?nope=0"); go("PATCH","/rules"); go("GET","/nothing",headers={"Accept":"text/html"})
    go("POST",B+"/sessions",data=b'x'*(13*1024*1024),content_type="application/json")
    go("GET","/sandbox/x"); go("OPTIONS","/rules"); go("GET","/log/tile/0/x001/000"); go("GET","/log/tile/entries/000")
    go("GET","/static/plain.css"); go("GET","/static/nope.css"); go("GET","/rules/"); go("GET","//evil.example/"); go("GET","/log/checkpoint")
    go("GET",B+"/openapi.json"); go("GET","/?lang=xx"); go("GET","/health")
    go("GET",B+"/orders",headers={}); go("POST",B+"/hooks"); go("POST","/hooks/stripe",data="x"); go("GET",B+"/products?q=%ff"); go("GET",B+"/products/%ff"); go("GET",B+"/products/"+"x"*5000)
