from delivered import bought, grant_of, shop_fixture, Shop
def test_x(shop):
    import time
    t=time.time()
    b=bought(shop)
    print(time.time()-t)
    assert grant_of(b).state=="live"
